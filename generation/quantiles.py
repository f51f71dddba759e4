"""Inverse distribution functions: a number between 0 and 1 becomes a value, row by row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = ["truncated_normal", "uniform", "weighted"]


def uniform(u: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    """Uniform from `low` to `high`."""
    return low + u * (high - low)


def weighted(u: NDArray[np.float64], values: Sequence[Any], weights: Sequence[float]) -> NDArray[Any]:
    """One of the values, each as often as its weight says; a weight of 0 is never taken."""
    taken = [index for index, weight in enumerate(weights) if weight > 0]
    ends = np.cumsum(np.array([weights[index] for index in taken], dtype=np.float64))
    return np.array([values[index] for index in taken])[np.searchsorted(ends[:-1] / ends[-1], u, side="right")]


def truncated_normal(
    u: NDArray[np.float64], mean: ArrayLike, sd: ArrayLike, lower: ArrayLike, upper: ArrayLike
) -> NDArray[np.float64]:
    """Normal between two bounds, which may be infinite.

    Works with logarithms of the tail in which the bounds lie, so that bounds many SD away from the mean still give
    the right distribution between them.
    """
    mean, sd = np.asarray(mean, dtype=np.float64), np.asarray(sd, dtype=np.float64)
    a, b = np.broadcast_arrays((lower - mean) / sd, (upper - mean) / sd, u)[:2]
    # a window above the mean is mirrored, u with it, so that all is computed in the lower tail
    mirrored = a > 0
    left, right = np.where(mirrored, -b, a), np.where(mirrored, -a, b)
    v = np.where(mirrored, 1 - u, u)
    log_p = np.logaddexp(special.log_ndtr(left) + np.log1p(-v), special.log_ndtr(right) + np.log(v))
    z = np.clip(special.ndtri_exp(log_p), left, right)
    values: NDArray[np.float64] = np.clip(mean + sd * np.where(mirrored, -z, z), lower, upper)
    return values
