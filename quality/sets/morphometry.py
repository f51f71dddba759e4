"""Wasserstein distances of morphometry: are the volumes of the parts distributed as in the reference?

W₁ of two sets of numbers is the area between their distribution functions: how far a value has to be moved on average
to turn one set into the other. Over the reference's standard deviation it reads as "shifted by so many SD". The sliced
distance is the mean of W₁ over random directions (Bonneel et al. 2015, J. Math. Imaging Vis. 51:22): it also sees
parts that are right one by one and wrong together. The idea of comparing regional volumes: WASABI, Jafrasteh et al.
2025 (arXiv:2504.21771).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .floors import Statistic

    Floats = NDArray[np.float64]

__all__ = ["DIRECTIONS", "directions", "sliced_wasserstein", "wasserstein"]

DIRECTIONS = 128
"""Random directions of the sliced distance."""


def wasserstein(x: Floats, y: Floats, x_counts: Floats, y_counts: Floats) -> Floats:
    """W₁ of each column for each weighting of the rows; a `Statistic`, `(b, d)`.

    Give columns divided by the reference's standard deviation, and it is in SD.
    """
    counts = np.concatenate(
        [x_counts / x_counts.sum(axis=1, keepdims=True), -y_counts / y_counts.sum(axis=1, keepdims=True)], axis=1
    )
    both = np.concatenate([x, y])
    found = np.empty((len(counts), both.shape[1]))
    for column, values in enumerate(both.T):
        order = np.argsort(values, kind="stable")
        steps = np.diff(values[order])
        apart = np.cumsum(counts[:, order[:-1]], axis=1)
        found[:, column] = np.abs(apart, out=apart) @ steps
    return found


def directions(width: int, *, seed: int, count: int = DIRECTIONS) -> Floats:
    """`(width, count)` random unit vectors."""
    drawn = np.random.default_rng([seed, 13]).standard_normal((width, count))
    unit: Floats = drawn / np.linalg.norm(drawn, axis=0)
    return unit


def sliced_wasserstein(*, seed: int = 0) -> Statistic:
    """The sliced distance along directions that depend on the seed; a `Statistic`, `(b, 1)`."""

    def statistic(x: Floats, y: Floats, x_counts: Floats, y_counts: Floats) -> Floats:
        along = directions(x.shape[1], seed=seed)
        distance: Floats = wasserstein(x @ along, y @ along, x_counts, y_counts).mean(axis=1, keepdims=True)
        return distance

    return statistic
