"""Whether some people are served worse: error, bias and refusals by subgroup."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ..scores import Score, not_run
from .moments import agreement
from .proportions import proportion_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ..scores import Interval
    from .covariates import Covariate
    from .groups import Group

__all__ = ["FEWEST_JUDGED", "bias_score", "error_table", "group_table", "refusal_score", "smallest_score"]

FEWEST_JUDGED: Final = 100
"""Samples of a subgroup before its figures are judged: a few that go wrong by chance are no bias."""

_FEWEST_SHOWN: Final = 5
_IN_TABLE: Final = ("mae", "bias", "r", "ccc", "slope")
_NORMAL_95: Final = 1.959964


def group_table(groups: Sequence[Group], delivered: NDArray[np.bool_], refused: NDArray[np.int64]) -> dict[str, Any]:
    """One row a subgroup: how many were ordered and delivered, and how many attempts were refused.

    Args:
        groups: of the samples that were planned.
        delivered: which of these are there.
        refused: how many attempts at each were refused.
    """
    rows = []
    for group in groups:
        there, bad = int(delivered[group.rows].sum()), int(refused[group.rows].sum())
        rows.append([group.name, len(group.rows), there, bad, _rate(bad, there)])
    return {"columns": ["subgroup", "ordered", "delivered", "refused attempts", "refused share"], "rows": rows}


def error_table(groups: Sequence[Group], covariates: Sequence[Covariate]) -> dict[str, Any]:
    """One row for each subgroup and condition of numbers that was measured: error, bias, and agreement within it.

    r, CCC and slope are None where they are not defined, as in a subgroup for whom one value was ordered.
    """
    rows: list[list[Any]] = []
    for covariate in covariates:
        if covariate.kind != "number" or covariate.measured is None:
            continue
        for group in groups:
            own = group.rows[covariate.paired[group.rows]]
            if len(own) >= _FEWEST_SHOWN:
                found = agreement(covariate.ordered[own], covariate.measured[own])
                figures = [found[name] if np.isfinite(found[name]) else None for name in _IN_TABLE]
                rows.append([group.name, covariate.name, covariate.unit, len(own), *figures])
    columns = ["subgroup", "condition", "unit", "n", "mean absolute error", "bias", "r", "CCC", "slope"]
    return {"columns": columns, "rows": rows}


def bias_score(groups: Sequence[Group], covariates: Sequence[Covariate]) -> Score:
    """The largest bias of a subgroup as a multiple of the mean absolute error of all samples.

    The interval is that of this subgroup's bias (normal), without regard to its having been chosen.
    """
    score_id = "conditions.worst_subgroup_bias"
    worst: tuple[float, Interval, int] | None = None
    largest = 0
    for covariate in covariates:
        if (error := _errors(covariate)) is None:
            continue
        scale = float(np.abs(error[np.isfinite(error)]).mean()) if np.isfinite(error).any() else 0.0
        for group in groups:
            own = error[group.rows]
            own = own[np.isfinite(own)]
            largest = max(largest, len(own))
            if len(own) >= FEWEST_JUDGED and (worst is None or _multiple(own, scale)[0] > worst[0]):
                worst = (*_multiple(own, scale), len(own))
    if worst is None:
        return not_run(score_id, _too_few("measured samples", largest), n={"largest_subgroup": largest})
    return Score(id=score_id, value=worst[0], interval=worst[1], n={"samples": worst[2]}, unit="× mean absolute error")


def refusal_score(groups: Sequence[Group], delivered: NDArray[np.bool_], refused: NDArray[np.int64]) -> Score:
    """The largest share of refused attempts of a subgroup as a multiple of that of all; 1 where nothing was refused.

    The interval is that of this subgroup's share (Clopper and Pearson).
    """
    score_id = "conditions.subgroup_reject_ratio"
    total, there = int(refused.sum()), int(delivered.sum())
    judged = [group for group in groups if len(group.rows) >= FEWEST_JUDGED]
    if not judged:
        largest = max((len(group.rows) for group in groups), default=0)
        return not_run(score_id, _too_few("planned samples", largest), n={"largest_subgroup": largest})
    if total == 0:
        return Score(id=score_id, value=1.0, n={"subgroups": len(judged), "refused": 0}, unit="× that of all")
    overall = total / (total + there)
    counts = [(int(refused[group.rows].sum()), int(delivered[group.rows].sum())) for group in judged]
    bad, good = max(counts, key=lambda each: (_rate(*each), sum(each)))
    low, high = proportion_interval(bad, bad + good) if bad + good else (0.0, 1.0)
    return Score(
        id=score_id,
        value=_rate(bad, good) / overall,
        interval=(low / overall, high / overall),
        n={"subgroups": len(judged), "refused": bad, "attempts": bad + good},
        unit="× that of all",
    )


def smallest_score(groups: Sequence[Group], delivered: NDArray[np.bool_]) -> Score:
    """Samples that are there of the smallest cell of the grid that was ordered."""
    score_id = "conditions.smallest_subgroup"
    cells = [group for group in groups if group.crossed] or list(groups)
    if not cells:
        return not_run(score_id, "every sample was ordered alike, so that there are no subgroups")
    smallest = min(int(delivered[group.rows].sum()) for group in cells)
    return Score(id=score_id, value=float(smallest), n={"subgroups": len(cells)}, unit="samples")


def _errors(covariate: Covariate) -> NDArray[np.float64] | None:
    """Measured less ordered; NaN where it is not known. None for a condition that is not measured in numbers."""
    if covariate.kind != "number" or covariate.measured is None:
        return None
    found: NDArray[np.float64] = covariate.measured - covariate.ordered
    return found


def _multiple(error: NDArray[np.float64], scale: float) -> tuple[float, Interval]:
    if scale == 0:
        return 0.0, (0.0, 0.0)
    bias = abs(float(error.mean()))
    margin = _NORMAL_95 * float(error.std(ddof=1)) / np.sqrt(len(error))
    return bias / scale, (float(max(0.0, bias - margin) / scale), float((bias + margin) / scale))


def _rate(refused: int, delivered: int) -> float:
    """Share of the attempts; every sample that is there was one that passed."""
    return refused / (refused + delivered) if refused + delivered else 0.0


def _too_few(what: str, largest: int) -> str:
    return f"a subgroup needs {FEWEST_JUDGED} {what} to be judged, the largest has {largest}; make a larger data set"
