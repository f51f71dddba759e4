"""Which experiment of a sweep did best: each is ranked by every metric, and by the mean of its ranks. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.stats import rankdata

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["METRICS", "figures_of", "ranked"]

METRICS: Final[Mapping[str, int]] = {
    "r": 1,
    "slope_error": -1,
    "relative_error": -1,
    "set.kid.random_conv": -1,
    "set.mmd.spectrum": -1,
    "set.vendi.random_conv": 1,
}
"""What experiments are ranked by, and whether more (1) or less (−1) is better; those that none has are left out."""


def figures_of(report: Mapping[str, Any]) -> dict[str, float]:
    """The metrics of one model, from its `training.json`.

    `r`, `slope_error` and `relative_error` are means over the conditions that are measured: correlation of ordered and
    measured, distance of the slope from 1, and mean error as a share of the range of training.
    """
    found: dict[str, float] = {}
    ranges = {measure["name"]: measure["range"] for measure in report["measures"]}
    fidelity = report["fidelity"]
    if fidelity:
        found["r"] = float(np.mean([each["r"] for each in fidelity.values()]))
        found["slope_error"] = float(np.mean([abs(each["slope"] - 1) for each in fidelity.values()]))
        found["relative_error"] = float(np.mean([each["mae"] / ranges[name] for name, each in fidelity.items()]))
    return found | {score["id"]: score["value"] for score in report["scores"] if score["id"] in METRICS}


def ranked(figures: Mapping[str, Mapping[str, float]]) -> list[tuple[str, float]]:
    """Experiments, the best one first, each with its mean rank (1 would be best in everything).

    A metric counts where all experiments have it. Ties keep the order given.

    Args:
        figures: experiment → its metrics.
    """
    names = list(figures)
    shared = [metric for metric in METRICS if all(metric in figures[name] for name in names)]
    if not shared:
        return [(name, 1.0) for name in names]
    ranks = [rankdata([-METRICS[metric] * figures[name][metric] for name in names]) for metric in shared]
    means: Sequence[float] = np.mean(ranks, axis=0).tolist()
    return sorted(zip(names, means, strict=True), key=lambda pair: pair[1])
