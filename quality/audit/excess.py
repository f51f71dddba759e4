"""Are more samples close to a training subject than held-out subjects are? Exact, whatever the numbers of both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Excess", "copy_excess", "share_interval"]

_SIDE = 0.0125
"""Each of the two bounds that an end of the interval is made of fails in 1.25 %: 5 % in all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Excess:
    """Share of samples below a quantile of the holdout's distances, less that quantile.

    Attributes:
        level: of the quantile, as it could be had: of n held-out distances the k-th smallest stands for k / (n + 1).
        close: samples that are nearer.
        samples: all.
        value: share of samples less `level`.
        interval: 95 %, conservative.
        p_value: one-sided: as many close samples, or more, if the samples were people like those held out.
    """

    level: float
    close: int
    samples: int
    value: float
    interval: tuple[float, float]
    p_value: float


def copy_excess(synthetic: NDArray[np.float64], holdout: NDArray[np.float64], level: float) -> Excess:
    """Excess of close samples at a quantile of the holdout.

    The k-th smallest of n held-out distances lies at a level of the unknown distribution that is distributed as
    Beta(k, n − k + 1), so the number of samples below it is beta-binomial: the test is exact. The interval takes
    Clopper and Pearson's for the samples and the quantiles of that beta distribution for the level.

    Args:
        synthetic: distance of each sample to the training set, smaller is closer.
        holdout: the same of each held-out subject, at least one.
        level: wanted; below 1 / (n + 1), the nearest held-out subject is taken.
    """
    from scipy import stats

    rank = max(int(np.floor(level * (len(holdout) + 1))), 1)
    threshold = np.sort(holdout)[rank - 1]
    close, samples = int(np.count_nonzero(synthetic < threshold)), len(synthetic)
    above = len(holdout) - rank + 1
    attained = rank / (len(holdout) + 1)
    low, high = share_interval(close, samples, side=_SIDE)
    lowest, highest = (float(end) for end in stats.beta.ppf([_SIDE, 1 - _SIDE], rank, above))
    return Excess(
        level=attained,
        close=close,
        samples=samples,
        value=close / samples - attained,
        interval=(low - highest, high - lowest),
        p_value=float(stats.betabinom.sf(close - 1, samples, rank, above)),
    )


def share_interval(count: int, total: int, *, side: float = 0.025) -> tuple[float, float]:
    """Interval of a share after Clopper and Pearson (1934, Biometrika 26:404).

    Args:
        count: of those that have it.
        total: of all, at least 1.
        side: probability beyond each end.
    """
    from scipy import stats

    low = float(stats.beta.ppf(side, count, total - count + 1)) if count else 0.0
    high = float(stats.beta.ppf(1 - side, count + 1, total - count)) if count < total else 1.0
    return low, high
