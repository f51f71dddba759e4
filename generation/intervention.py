"""Pairs of samples that differ in one ordered condition: does changing it move anything else?

An order that names age and ventricular volume asks for both. If older brains come with larger ventricles although the
ordered volume is the same, age leaks into the ventricles, and no comparison of ordered with measured values can tell
that from a real correlation of the two. An intervention can: the same seed, one condition changed, and the measures of
both samples.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import RecipeError
from .backend import Order
from .cohort import draw_cohort
from .engines import run_local
from .factory import Progress
from .reach import Rows, reach
from .recipe import load_people, load_refusals
from .refusals import MOST_ATTEMPTS
from .registry import load_backend
from .streams import sample_seed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa
    from numpy.typing import NDArray

    from .backend import Backend, Condition, Sample
    from .cohort import CohortPlan
    from .recipe import Recipe

__all__ = ["Change", "PairJob", "PairMaker", "paired_interventions", "planned_changes"]

_STEPS = (1.0, -1.0, 0.5, -0.5)
"""Of the changes that are tried, in standard deviations; the first that is in reach is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One condition, and its other value."""

    condition: str
    value: float | str


@dataclass(frozen=True, slots=True, kw_only=True)
class PairJob:
    """One base sample, and what is changed of it.

    Attributes:
        pair: number of the base sample.
        index: its row in the cohort.
        conditions: that it is ordered with.
        rows: the changes; each makes one more sample with the same seed.
        refused: attempts that the order refuses.
    """

    pair: int
    index: int
    conditions: Mapping[str, float | str]
    rows: tuple[Change, ...]
    refused: tuple[int, ...] = ()


class PairMaker:
    """Makes pairs; goes to worker processes as it is, and loads the backend there.

    Args:
        load: gives the backend; called once in each process.
        seed: of the recipe.
    """

    def __init__(self, *, load: Callable[[], Backend], seed: int) -> None:
        self.load, self.seed = load, seed

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "backend"}

    @cached_property
    def backend(self) -> Backend:
        """The backend of this process."""
        return self.load()

    def make(self, job: PairJob, *, on_sample: Callable[[], None]) -> list[dict[str, Any]]:
        """Rows of the table, one for each change that the backend made without a fault.

        The checks of samples have no say: they refuse what is far from its order, which is what is looked for.
        """
        attempt, base = self._base(job)
        on_sample()
        rows = []
        for change in job.rows:
            after = None if base is None else self._one(job, attempt, {change.condition: change.value})
            on_sample()
            if base is None or after is None:
                continue
            number = isinstance(change.value, float)
            rows.append(
                {
                    **job.conditions,
                    "pair": job.pair,
                    "index": job.index,
                    "attempt": attempt,
                    "seed": sample_seed(self.seed, job.index, attempt),
                    "changed": change.condition,
                    "delta": change.value - job.conditions[change.condition] if number else None,  # type: ignore[operator]
                    "to": None if number else change.value,
                    **{f"before_{name}": float(value) for name, value in base.measured.items()},
                    **{f"after_{name}": float(value) for name, value in after.measured.items()},
                }
            )
        return rows

    def _base(self, job: PairJob) -> tuple[int, Sample | None]:
        """The first attempt that the backend makes without a fault."""
        for attempt in range(MOST_ATTEMPTS):
            if attempt not in job.refused and (sample := self._one(job, attempt, {})) is not None:
                return attempt, sample
        return 0, None

    def _one(self, job: PairJob, attempt: int, changed: Mapping[str, float | str]) -> Sample | None:
        seed = sample_seed(self.seed, job.index, attempt)
        order = Order(index=job.index, attempt=attempt, seed=seed, conditions={**job.conditions, **changed})
        (sample,) = self.backend.generate([order])
        return None if sample.faults else sample


def paired_interventions(
    recipe: Recipe,
    *,
    pairs: int,
    people_folder: str | Path = ".",
    workers: int = 1,
    progress: Callable[[Progress], None] | None = None,
    load: Callable[[], Backend] | None = None,
) -> pa.Table:
    """Makes base samples, and for each condition that varies in the cohort one more with only that condition changed.

    The base samples are those of the data set (but for the checks), evenly spread over its rows. A number is changed by
    one standard deviation of its ordered values towards their median, so that it stays among them; where the backend
    does not reach that, the other way, or by half of it. A category becomes another that is ordered.

    Args:
        recipe: the order; nothing is written.
        pairs: base samples; fewer where the people file has fewer rows.
        people_folder: where the recipe's people file and refusal list lie.
        workers: processes. The table does not depend on it.
        progress: told after each sample.
        load: gives the backend, in place of the installed one of the recipe's name; picklable.

    Returns:
        one row a pair and changed condition: `pair`, `index`, `attempt` and `seed` of the base sample, `changed`,
        `delta` (of a number; null for a category), `to` (a category; null for a number), the conditions of the base
        sample, and for each measure `before_<measure>` and `after_<measure>`. The schema's metadata has as JSON `sd`
        (condition → standard deviation of its ordered values, numbers only) and `left_out` (condition → pairs that
        nothing in reach or a fault of the backend left out).

    Raises:
        RecipeError, UnreachableError: as for `generate`.
        GenerationError: a worker died.
    """
    if pairs < 1:
        msg = f"pairs must be at least 1, got {pairs}"
        raise ValueError(msg)
    load = load or partial(load_backend, recipe.backend.name, recipe.backend.options, recipe.grid)
    backend, people = load(), load_people(recipe, people_folder)
    most = pairs if people is None else min(pairs, people.rows)
    recipe = recipe.replaced(samples=max(recipe.samples, most))
    plan = draw_cohort(recipe, backend, people, load_refusals(recipe, people_folder))
    jobs = _jobs(plan, backend, min(most, plan.rows))
    report = _Report(sum(1 + len(job.rows) for job in jobs), progress)
    made = run_local(PairMaker(load=load, seed=recipe.seed), jobs, workers=workers, on_sample=report.add)
    rows = sorted((row for each in made for row in each), key=lambda row: row["pair"])
    return _table(rows, plan, backend, len(jobs))


def planned_changes(
    backend: Backend, conditions: Mapping[str, NDArray[Any]], chosen: NDArray[np.int64]
) -> dict[str, list[float | str | None]]:
    """For each condition that varies, its other value in each of the chosen rows; None where nothing is in reach. Pure.

    Args:
        backend: says what is in reach.
        conditions: of all rows of the cohort.
        chosen: rows.
    """
    base = {name: values[chosen] for name, values in conditions.items()}
    changes: dict[str, list[float | str | None]] = {}
    for condition in backend.conditions:
        values = conditions[condition.name]
        if len(np.unique(values)) > 1:
            change = _other_category if condition.kind == "category" else _shifted
            changes[condition.name] = change(condition, values, base, backend)
    return changes


def _jobs(plan: CohortPlan, backend: Backend, pairs: int) -> list[PairJob]:
    chosen = np.arange(pairs, dtype=np.int64) * plan.rows // pairs
    changes = planned_changes(backend, plan.conditions, chosen)
    if not changes:
        msg = "no condition of the recipe varies, so there is nothing to change; give one a range or a choice"
        raise RecipeError(msg)
    return [
        PairJob(
            pair=pair,
            index=index,
            conditions=plan.order(index).conditions,
            rows=tuple(
                Change(condition=name, value=value)
                for name, values in changes.items()
                if (value := values[pair]) is not None
            ),
            refused=tuple(plan.refused.get(index, ())),
        )
        for pair, index in enumerate(chosen.tolist())
    ]


def _other_category(
    condition: Condition, values: NDArray[Any], base: Mapping[str, NDArray[Any]], backend: Backend
) -> list[float | str | None]:
    """Another of the ordered values, in turn, so that each becomes every other."""
    ordered = np.unique(values)
    places = np.searchsorted(ordered, base[condition.name])
    steps = 1 + np.arange(len(places)) % (len(ordered) - 1)
    other = ordered[(places + steps) % len(ordered)]
    fits = _in_reach(backend, {**base, condition.name: other})
    return [str(value) if fit else None for value, fit in zip(other, fits, strict=True)]


def _shifted(
    condition: Condition, values: NDArray[Any], base: Mapping[str, NDArray[Any]], backend: Backend
) -> list[float | str | None]:
    """The value and one standard deviation, towards the middle, rounded as orders are."""
    there, sd = base[condition.name], float(np.std(values))
    towards = np.where(there <= np.median(values), sd, -sd)
    found: list[float | str | None] = [None] * len(there)
    for step in _STEPS:
        other = np.round(there + step * towards, condition.decimals) + 0.0
        fits = _in_reach(backend, {**base, condition.name: other}) & (other != there)
        for row in np.flatnonzero(fits).tolist():
            if found[row] is None:
                found[row] = float(other[row])
    return found


def _in_reach(backend: Backend, conditions: Mapping[str, NDArray[Any]]) -> NDArray[np.bool_]:
    """Which rows the backend can make: a changed condition may move the limits of others."""
    count = len(next(iter(conditions.values())))
    fits = np.ones(count, dtype=bool)
    known: dict[str, NDArray[Any]] = {}
    for condition in backend.conditions:
        values = conditions[condition.name]
        if condition.kind == "number":
            lower, upper = reach(Rows(condition=condition, backend=backend.name, count=count, known=known))
            fits &= (values >= lower) & (values <= upper)
        known[condition.name] = values
    return fits


def _table(rows: Sequence[Mapping[str, Any]], plan: CohortPlan, backend: Backend, pairs: int) -> pa.Table:
    import pyarrow as pa

    made = [row["changed"] for row in rows]
    varied = [name for name, values in plan.conditions.items() if len(np.unique(values)) > 1]
    spread = {name: float(np.std(values)) for name, values in plan.conditions.items() if values.dtype.kind == "f"}
    metadata = {
        "synthetic": "true",
        "sd": json.dumps({name: spread[name] for name in varied if name in spread}),
        "left_out": json.dumps({name: pairs - made.count(name) for name in varied}),
    }
    return pa.Table.from_pylist(list(rows), schema=pa.schema(list(_fields(backend)), metadata=metadata))


def _fields(backend: Backend) -> Iterator[tuple[str, Any]]:
    import pyarrow as pa

    yield from (("pair", pa.int64()), ("index", pa.int64()), ("attempt", pa.int32()), ("seed", pa.int64()))
    yield from (("changed", pa.string()), ("delta", pa.float64()), ("to", pa.string()))
    for condition in backend.conditions:
        yield condition.name, pa.float64() if condition.kind == "number" else pa.string()
    for when in ("before", "after"):
        yield from ((f"{when}_{measure.name}", pa.float64()) for measure in backend.measures)


class _Report:
    def __init__(self, samples: int, tell: Callable[[Progress], None] | None) -> None:
        self._samples, self._done, self._tell = samples, 0, tell

    def add(self, count: int) -> None:
        self._done += count
        if self._tell:
            self._tell(Progress(samples=self._samples, done=self._done))
