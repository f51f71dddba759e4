"""The cohort: the rows that a recipe asks for, each with its conditions, split and slot, before any voxel exists.

>>> from .recipe import load_recipe
>>> from .registry import load_backend
>>> recipe = load_recipe("recipe.yaml")  # doctest: +SKIP
>>> plan = draw_cohort(recipe, load_backend(recipe.backend.name, recipe.backend.options, recipe.grid))  # doctest: +SKIP
>>> plan.order(0, attempt=0).conditions["age"]  # doctest: +SKIP
76.31
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import RecipeError
from .backend import Order
from .draw import draw_conditions
from .plan import resolve_conditions
from .splits import assign_slots, assign_splits
from .streams import sample_seed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from .backend import Backend
    from .people import People
    from .recipe_types import Recipe
    from .refusals import Attempts, Refusals

__all__ = ["CohortPlan", "ShardPlan", "draw_cohort"]

_ID_DIGITS = 7  # holds every index below the ten million that a recipe may ask for, so that ids never get longer


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardPlan:
    """One shard: the unit of generation and commit.

    Attributes:
        split: its split.
        number: of the shard in its split; shard n of K samples holds the slots from n·K.
        indices: rows of the cohort in the order of their slots.
    """

    split: str
    number: int
    indices: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CohortPlan:
    """All rows of a cohort. A pure function of the recipe, its people file and the backend's declarations.

    Attributes:
        name: of the data set.
        seed: of the recipe.
        shard_samples: samples a shard.
        conditions: condition → one value a row, float64 or str, in the backend's order; read-only.
        splits: names of the splits in their order.
        split: number of each row's split, int32.
        slot: place of each row in its split, int64.
        ignored_columns: columns of the people file that no condition uses.
        refused: index → attempt → reasons, of the attempts that the order refuses.
    """

    name: str
    seed: int
    shard_samples: int
    conditions: Mapping[str, NDArray[Any]]
    splits: tuple[str, ...]
    split: NDArray[np.int32]
    slot: NDArray[np.int64]
    ignored_columns: tuple[str, ...] = ()
    refused: Mapping[int, Attempts] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Number of samples."""
        return int(self.split.size)

    @property
    def slots(self) -> Mapping[str, int]:
        """Split → the number of its slots; 0 for one that so few rows leave empty."""
        counts = np.bincount(self.split, minlength=len(self.splits))
        return dict(zip(self.splits, counts.tolist(), strict=True))

    def sample_id(self, index: int) -> str:
        """The id of a row; the same however many rows there are."""
        return f"{self.name}-{str(int(index)).zfill(_ID_DIGITS)}"

    def split_of(self, index: int) -> str:
        """The name of a row's split."""
        return self.splits[int(self.split[index])]

    def order(self, index: int, attempt: int = 0) -> Order:
        """What the backend gets for one attempt at a row."""
        if not 0 <= index < self.rows:
            msg = f"row must be from 0 to {self.rows - 1}, got {index}"
            raise IndexError(msg)
        conditions = {name: values[index].item() for name, values in self.conditions.items()}
        seed = sample_seed(self.seed, index, attempt)
        return Order(index=int(index), attempt=attempt, seed=seed, conditions=conditions)

    def shards(self) -> tuple[ShardPlan, ...]:
        """All shards, split after split."""
        size = self.shard_samples
        return tuple(
            ShardPlan(split=name, number=start // size, indices=tuple(members[start : start + size]))
            for number, name in enumerate(self.splits)
            for members in [np.flatnonzero(self.split == number).tolist()]
            for start in range(0, len(members), size)
        )

    def table(self) -> Any:
        """The rows as a `pyarrow.Table`: sample_id, index, split, slot and the conditions."""
        import pyarrow as pa

        columns: dict[str, Any] = {
            "sample_id": [self.sample_id(index) for index in range(self.rows)],
            "index": np.arange(self.rows, dtype=np.int64),
            "split": np.array(self.splits)[self.split],
            "slot": self.slot,
        }
        return pa.table({name: pa.array(values) for name, values in {**columns, **self.conditions}.items()})


def draw_cohort(
    recipe: Recipe, backend: Backend, people: People | None = None, refusals: Refusals | None = None
) -> CohortPlan:
    """Draws every row, and checks that the backend can make it.

    Row i does not change when the number of samples grows. Conditions are drawn in the order in which the backend
    declares them, each given those before it, one number of its own stream for each row; they are then rounded to
    `Condition.decimals`, which makes the cohort the same on every machine.

    Args:
        recipe: the order.
        backend: declares the conditions; makes nothing here.
        people: the recipe's people file, from `load_people`.
        refusals: the recipe's refusal list, from `load_refusals`.

    Raises:
        RecipeError: a condition is unknown or of the wrong kind, or the people file does not hold what is asked of it.
        UnreachableError: the backend cannot make a row; the message names the condition, the row and what is in reach.
    """
    _check_people(recipe, people)
    _check_refusals(recipe, refusals)
    distributions = resolve_conditions(recipe, backend, people)
    conditions = draw_conditions(recipe, backend, distributions, people)
    split = assign_splits(recipe.seed, tuple(recipe.splits.values()), recipe.samples)
    slot = assign_slots(split, len(recipe.splits))
    split.setflags(write=False)
    slot.setflags(write=False)
    used = {getattr(distribution, "column", None) for distribution in distributions.values()}
    return CohortPlan(
        name=recipe.name,
        seed=recipe.seed,
        shard_samples=recipe.shards.samples,
        conditions=conditions,
        splits=tuple(recipe.splits),
        split=split,
        slot=slot,
        ignored_columns=tuple(column for column in (people.columns if people else ()) if column not in used),
        refused=refusals.attempts if refusals else {},
    )


def _check_people(recipe: Recipe, people: People | None) -> None:
    if (recipe.people is None) != (people is None):
        what = "names none, but one was given" if recipe.people is None else f"names {recipe.people.path}, got none"
        msg = f"people: must be the file that the recipe names; it {what} (see load_people)"
        raise RecipeError(msg)
    if recipe.people is None or people is None:
        return
    recipe.people.check(people.sha256)
    if recipe.samples > people.rows:
        msg = (
            f"samples: must be at most {people.rows}, the number of rows of {people.source}, got {recipe.samples}; "
            "ask for fewer or add people"
        )
        raise RecipeError(msg)


def _check_refusals(recipe: Recipe, refusals: Refusals | None) -> None:
    if (recipe.refused is None) != (refusals is None):
        what = "names none, but one was given" if recipe.refused is None else f"names {recipe.refused.path}, got none"
        msg = f"refused: must be the list that the recipe names; it {what} (see load_refusals)"
        raise RecipeError(msg)
    if recipe.refused is not None and refusals is not None:
        recipe.refused.check(refusals.sha256)
