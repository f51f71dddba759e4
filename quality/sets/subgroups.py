"""Density and coverage within subgroups: is everybody drawn as real people like them are?

A subgroup that is drawn badly, or always alike, hides in a large set. So each is held against real people of the same
sex, age and so on, beside a floor from halves of these people alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ..scores import Score, not_run
from .floors import beside_floor, equal_rows
from .metrics import LEAST_ROWS, NOT_DISTRIBUTIONS
from .prdc import NAMES, prdc
from .scaling import fit_scaling

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from ..features import FeatureSet
    from .floors import Beside
    from .scaling import Scaling

__all__ = ["MOST_ROWS", "SUBGROUP_SCORES", "Subgroup", "subgroup_scores"]

MOST_ROWS: Final = 500
"""Samples of a subgroup that are taken, drawn by the seed: there are many of them, and time grows by the square."""
SUBGROUP_SCORES: Final = ("coverage", "density")
_SPLITS: Final = 10
_COLUMNS: Final = (
    *("subgroup", "synthetic", "real", "taken of each"),
    *("coverage", "coverage low", "coverage high", "coverage floor"),
    *("density", "density low", "density high", "density floor"),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Subgroup:
    """People of one kind in both sets.

    Attributes:
        name: for people, for example `sex F · age 70-79`.
        synthetic, reference: their rows.
    """

    name: str
    synthetic: NDArray[np.int64]
    reference: NDArray[np.int64]

    def rows(self) -> int:
        """How many of each set are compared."""
        return equal_rows(len(self.synthetic), len(self.reference), MOST_ROWS)


def subgroup_scores(
    synthetic: Mapping[str, FeatureSet],
    reference: Mapping[str, FeatureSet],
    groups: Sequence[Subgroup],
    *,
    reason: str = "",
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[list[Score], dict[str, Any]]:
    """The worst subgroup by each kind of features, and a table of all of them.

    Coverage is worst where it is smallest beside its floor, density where it is farthest from it to either side.

    Args:
        synthetic: name → features of the set that is judged.
        reference: name → features of real samples; kinds that are not there are left out.
        groups: subgroups of both.
        reason: why there are none.
        seed: of rows taken, halvings and resamples.
        progress: called with how many kinds of features are done, and of how many.

    Returns:
        scores `set.subgroup_coverage.*` and `set.subgroup_density.*`, and tables `subgroups.*`.
    """
    scores: list[Score] = []
    tables: dict[str, Any] = {}
    names = [name for name in synthetic if name not in NOT_DISTRIBUTIONS and (name in reference or reason)]
    for done, name in enumerate(names):
        if progress is not None and not reason:
            progress(done, len(names))
        why = reason or _why_not(groups)
        found: dict[str, dict[str, Beside]] = {}
        feature_id = synthetic[name].feature_id
        if not why:
            try:
                scaling = fit_scaling(reference[name], synthetic[name])
                feature_id = scaling.feature_id
                found = _measured(scaling, synthetic[name], reference[name], groups, seed)
            except ValueError as error:
                why = str(error)
        scores += _scores(name, feature_id, found, why)
        if found:
            tables[f"subgroups.{name}"] = _table(groups, found)
    if progress is not None and not reason:
        progress(len(names), len(names))
    return scores, tables


def _why_not(groups: Sequence[Subgroup]) -> str:
    if any(group.rows() >= LEAST_ROWS for group in groups):
        return ""
    fullest = max(groups, key=Subgroup.rows, default=None)
    have = (
        "" if fullest is None else (f", and {fullest.name} has {len(fullest.synthetic)} and {len(fullest.reference)}")
    )
    return f"a subgroup needs {LEAST_ROWS} samples and {2 * LEAST_ROWS} real people{have}; compare larger sets"


def _measured(
    scaling: Scaling, synthetic: FeatureSet, reference: FeatureSet, groups: Sequence[Subgroup], seed: int
) -> dict[str, dict[str, Beside]]:
    """Subgroup → `coverage` and `density`, where there are enough people; on the scale of the whole reference."""
    found = {}
    for group in groups:
        rows = group.rows()
        if rows >= LEAST_ROWS:
            x = scaling(synthetic.values[group.synthetic])
            y = scaling(reference.values[group.reference])
            all_four = beside_floor(prdc, x, y, rows=rows, seed=seed, splits=_SPLITS)
            found[group.name] = {name: all_four[NAMES.index(name)] for name in SUBGROUP_SCORES}
    return found


def _scores(features: str, feature_id: str, found: Mapping[str, Mapping[str, Beside]], reason: str) -> list[Score]:
    scores = []
    for name in SUBGROUP_SCORES:
        score_id = f"set.subgroup_{name}.{features}"
        if not found:
            scores.append(not_run(score_id, reason, feature_id=feature_id))
            continue
        worst = max((each[name] for each in found.values()), key=_badness[name])
        scores.append(
            Score(
                id=score_id,
                value=worst.value,
                interval=worst.interval,
                floor=worst.floor,
                floor_interval=worst.floor_interval,
                n={"synthetic": worst.rows, "reference": worst.rows, "subgroups": len(found)},
                feature_id=feature_id,
            )
        )
    return scores


def _off(beside: Beside) -> float:
    """How many times too small or too large."""
    if beside.value <= 0 or beside.floor <= 0:
        return math.inf
    return abs(math.log(beside.value / beside.floor))


_badness: Final[Mapping[str, Callable[[Beside], float]]] = {
    "coverage": lambda beside: -beside.value / beside.floor if beside.floor > 0 else -math.inf,
    "density": _off,
}


def _table(groups: Sequence[Subgroup], found: Mapping[str, Mapping[str, Beside]]) -> dict[str, Any]:
    rows = []
    for group in groups:
        cells: list[Any] = []
        for name in SUBGROUP_SCORES:
            each = found[group.name][name] if group.name in found else None
            cells += [None] * 4 if each is None else [each.value, *each.interval, each.floor]
        taken = group.rows() if group.name in found else None
        rows.append([group.name, len(group.synthetic), len(group.reference), taken, *cells])
    return {"columns": list(_COLUMNS), "rows": rows}
