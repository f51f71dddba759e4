"""Whether those who were ordered are there: the planned cohort against the delivered one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ..scores import Score, not_run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .covariates import Covariate
    from .groups import Group

__all__ = ["coverage_figure", "coverage_score", "extrapolation_score", "joint_coverage_score", "total_variation"]

_BINS: Final = 20


def total_variation(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Total variation distance of two histograms with the same bins: half the sum of |p − q|, from 0 to 1.

    >>> total_variation(np.array([5, 5]), np.array([10, 0]))
    0.5
    """
    return float(np.abs(first / max(first.sum(), 1) - second / max(second.sum(), 1)).sum() / 2)


def coverage_score(covariate: Covariate, delivered: NDArray[np.bool_]) -> Score:
    """Total variation distance between what was ordered and what was delivered of one condition.

    Args:
        covariate: of all samples that were planned.
        delivered: which of these are there.
    """
    ordered, there, _ = _histograms(covariate, delivered)
    return _distance(f"conditions.coverage.{covariate.name}", ordered, there, delivered)


def joint_coverage_score(groups: Sequence[Group], delivered: NDArray[np.bool_]) -> Score:
    """The same over the grid of all categories and decades."""
    score_id = "conditions.coverage_joint"
    cells = [group for group in groups if group.crossed]
    if not cells:
        return not_run(score_id, "fewer than two conditions are words or years that vary, so that there is no grid")
    ordered = np.array([len(group.rows) for group in cells])
    there = np.array([int(delivered[group.rows].sum()) for group in cells])
    return _distance(score_id, ordered, there, delivered)


def coverage_figure(covariate: Covariate, delivered: NDArray[np.bool_]) -> dict[str, Any]:
    """Both histograms to draw, and that of what was measured where it is a number."""
    ordered, there, bins = _histograms(covariate, delivered)
    figure: dict[str, Any] = {
        "kind": "histogram" if covariate.kind == "number" else "bars",
        "condition": covariate.name,
        "unit": covariate.unit,
        "edges" if covariate.kind == "number" else "names": bins,
        "ordered": ordered.tolist(),
        "delivered": there.tolist(),
    }
    if covariate.kind == "number" and covariate.measured is not None and bins:
        known = covariate.measured[np.isfinite(covariate.measured)]
        figure["measured"] = np.histogram(np.clip(known, bins[0], bins[-1]), bins)[0].tolist()
    return figure


def extrapolation_score(covariates: Sequence[Covariate], reference: Sequence[Covariate]) -> Score:
    """Share of the samples that were ordered outside the range of a condition in the reference.

    There a generator that learnt from such people extrapolates, and nothing says how well.

    Args:
        covariates: of the data set.
        reference: of real people; conditions of other names do not count.
    """
    score_id = "conditions.extrapolation"
    real = {each.name: each.ordered[np.isfinite(each.ordered)] for each in reference if each.kind == "number"}
    shared = [each for each in covariates if each.kind == "number" and len(real.get(each.name, ())) > 0]
    if not shared:
        reason = "no reference has numbers of the same conditions; give a reference with a table of its people"
        return not_run(score_id, reason)
    outside = np.zeros(len(shared[0].ordered), bool)
    for covariate in shared:
        known = real[covariate.name]
        outside |= (covariate.ordered < known.min()) | (covariate.ordered > known.max())
    counts = {"samples": len(outside), "outside": int(outside.sum()), "conditions": len(shared)}
    return Score(id=score_id, value=float(outside.mean()), n=counts)


def _distance(score_id: str, ordered: NDArray[Any], there: NDArray[Any], delivered: NDArray[np.bool_]) -> Score:
    counts = {"ordered": len(delivered), "delivered": int(delivered.sum())}
    if not there.sum():
        return not_run(score_id, "no sample was delivered; make the data set again with other conditions", n=counts)
    return Score(id=score_id, value=total_variation(ordered, there), n=counts)


def _histograms(
    covariate: Covariate, delivered: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64], list[Any]]:
    """Counts ordered and delivered, and the edges or names of the bins."""
    values = covariate.ordered
    if covariate.kind == "category":
        names, codes = np.unique(values, return_inverse=True)
        counts = [np.bincount(codes[which], minlength=len(names)) for which in (slice(None), delivered)]
        return counts[0], counts[1], [str(name) or "unknown" for name in names]
    known = np.isfinite(values)
    if not known.any():
        return np.zeros(1, np.int64), np.zeros(1, np.int64), []
    edges = np.histogram_bin_edges(values[known], _BINS)
    ordered, there = (np.histogram(values[which], edges)[0] for which in (known, known & delivered))
    return ordered, there, edges.tolist()
