"""A trained model at work: samples of a cohort like that of training, and how far they are what was ordered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import RecipeError
from ..generation.backend import Order
from ..generation.streams import sample_seed, stream_key
from ..quality.volume import Volume
from .schema import known_value
from .vectors import Vectors

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from ..generation.backends.diffusion import TrainedBackend
    from ..generation.backends.diffusion.model_card import ConditionCard
    from ..quality.features import FeatureExtractor, FeatureSet
    from ..store import Cohort

__all__ = ["Fidelity", "Trial", "fidelity_of", "orders_like", "run_trial"]

_SHOWN = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Samples that were made.

    Attributes:
        orders: what was asked.
        images: `(n, x, y, z)` of the first ones, in the unit of the model.
        measured: measure → one value a sample.
        features: extractor → vectors of all samples.
    """

    orders: tuple[Order, ...]
    images: NDArray[np.float32]
    measured: dict[str, NDArray[np.float64]]
    features: dict[str, FeatureSet]

    def asked(self, name: str) -> NDArray[np.float64]:
        """What was ordered of a number."""
        return np.array([float(order.conditions[name]) for order in self.orders])


@dataclass(frozen=True, slots=True, kw_only=True)
class Fidelity:
    """Ordered against measured, of one condition.

    Attributes:
        r: correlation.
        slope: of measured on ordered.
        mae: mean absolute error, in its unit.
        samples: how many.
    """

    r: float
    slope: float
    mae: float
    samples: int


def orders_like(cohort: Cohort, cards: Sequence[ConditionCard], count: int, seed: int) -> tuple[Order, ...]:
    """Orders with the conditions of rows of a cohort, which belong together as in people, each with a seed of its own.

    Rows in which a condition is missing are passed over, since an order names them all; numbers are brought into the
    range of training.

    Args:
        cohort: whose rows.
        cards: the conditions.
        count: orders; rows are taken again if there are fewer.
        seed: of the choice and of the samples.

    Raises:
        RecipeError: in no row are all known.
    """
    columns = cohort.columns([card.name for card in cards])
    values = {card.name: [_ordered(card, value) for value in columns[card.name].to_pylist()] for card in cards}
    rows = [{name: column[row] for name, column in values.items()} for row in range(len(cohort))]
    whole = [row for row in rows if None not in row.values()]
    if not whole:
        msg = f"no row of {cohort.url} has a value for all of {', '.join(values)}; name fewer with --conditions"
        raise RecipeError(msg)
    order = np.random.default_rng(stream_key(seed, "trial")).permutation(len(whole))
    return tuple(
        Order(
            index=number,
            attempt=0,
            seed=sample_seed(seed, number, 0),
            conditions=whole[order[number % len(order)]],
        )
        for number in range(count)
    )


def run_trial(
    backend: TrainedBackend,
    orders: Sequence[Order],
    *,
    extractors: Sequence[FeatureExtractor] = (),
    tell: Callable[[int, int], None] | None = None,
) -> Trial:
    """Makes the samples; few of their images are in memory at a time."""
    images: list[NDArray[np.float32]] = []
    measured = []
    vectors = Vectors(extractors)
    step = backend.preferred_batch
    for first in range(0, len(orders), step):
        for sample in backend.generate(orders[first : first + step]):
            image = sample.volumes["image"]
            images += [image] if len(images) < _SHOWN else []
            measured.append(sample.measured)
            vectors.add(Volume(image=image, affine=backend.affine, background=backend.card.image.background))
        if tell:
            tell(len(measured), len(orders))
    return Trial(
        orders=tuple(orders),
        images=np.stack(images),
        measured={name: np.array([row[name] for row in measured]) for name in measured[0]},
        features=vectors.features(tuple(str(order.index) for order in orders)),
    )


def fidelity_of(trial: Trial, names: Sequence[str]) -> dict[str, Fidelity]:
    """Of each number that is measured."""
    found = {}
    for name in names:
        asked, came = trial.asked(name), trial.measured[name]
        flat = not (asked.std() > 0 and came.std() > 0)
        found[name] = Fidelity(
            r=0.0 if flat else float(np.corrcoef(asked, came)[0, 1]),
            slope=0.0 if flat else float(np.polyfit(asked, came, 1)[0]),
            mae=float(np.abs(asked - came).mean()),
            samples=len(asked),
        )
    return found


def _ordered(card: ConditionCard, value: Any) -> float | str | None:
    """A cell as it can be ordered: numbers of held-out subjects may lie outside of the range of training."""
    known = known_value(card, value)
    if card.kind == "category" or known is None:
        return known
    assert card.low is not None
    assert card.high is not None
    return float(np.clip(float(known), card.low, card.high))
