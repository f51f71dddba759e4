"""Precision, recall, density and coverage: do the samples lie where the reference lies, and reach all of it?

A ball around each row reaches to its k-th nearest neighbour of the same set.

* precision: share of synthetic rows in some ball of the reference; recall: share of reference rows in some ball of the
  synthetic set (Kynkäänniemi et al. 2019, arXiv:1904.06991);
* density: balls of the reference that a synthetic row is in, over k; it is not misled by one outlier with a large ball,
  and can exceed 1; coverage: share of the reference's balls that hold a synthetic row (Naeem et al. 2020,
  arXiv:2002.09797).

Coverage grows with the number of synthetic rows and is 1 for enough of them, whatever they are: compare equally many.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..distances import BLOCK_ROWS, nearest, squared_distances

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["NAMES", "NEIGHBOURS", "Found", "expected_coverage", "prdc", "rows_found"]

NEIGHBOURS = 5
"""k of Naeem et al. 2020."""
NAMES = ("precision", "recall", "density", "coverage")
"""In the sequence of the columns of `prdc`."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """What each row adds; the four numbers are the means.

    Attributes:
        precision, density: `(n,)` of the synthetic rows.
        recall, coverage: `(m,)` of the reference's rows.
    """

    precision: Floats
    recall: Floats
    density: Floats
    coverage: Floats


def prdc(x: Floats, y: Floats, x_counts: Floats, y_counts: Floats) -> Floats:
    """The four for each weighting of the rows; a `Statistic`, `(b, 4)` in the sequence of `NAMES`.

    The balls stay those of all rows: a resample would shrink them, because a row drawn twice is its own neighbour.
    """
    found = rows_found(x, y, NEIGHBOURS)
    x_share = x_counts / x_counts.sum(axis=1, keepdims=True)
    y_share = y_counts / y_counts.sum(axis=1, keepdims=True)
    columns = (x_share @ found.precision, y_share @ found.recall, x_share @ found.density, y_share @ found.coverage)
    return np.stack(columns, axis=1)


def rows_found(x: Floats, y: Floats, k: int, *, block: int = BLOCK_ROWS) -> Found:
    """What each synthetic row (x) and each row of the reference (y) adds, a block of synthetic rows at a time."""
    synthetic, reference = x.astype(np.float32), y.astype(np.float32)
    x_radius = nearest(synthetic, synthetic, k, same=True, block=block).distances[:, -1].astype(np.float64) ** 2
    y_radius = nearest(reference, reference, k, same=True, block=block).distances[:, -1].astype(np.float64) ** 2
    precision, density = np.empty(len(x)), np.empty(len(x))
    recall, coverage = np.zeros(len(y), bool), np.zeros(len(y), bool)
    for rows, squared in squared_distances(synthetic, reference, block=block):
        precision[rows] = (squared <= y_radius).any(axis=1)
        inside = squared < y_radius
        density[rows] = inside.sum(axis=1) / k
        coverage |= inside.any(axis=0)
        recall |= (squared <= x_radius[rows, None]).any(axis=0)
    return Found(precision=precision, density=density, recall=recall.astype(float), coverage=coverage.astype(float))


def expected_coverage(synthetic: int, reference: int, k: int = NEIGHBOURS) -> float:
    """Coverage on average where both sets are of one population.

    A row of the reference is not covered where the k nearest of all other rows are all of the reference; every sequence
    of them is equally likely: 1 − Π (n − i) / (n + m − i), i = 1…k, near 1 − 2^−k for equally many rows.
    """
    steps = np.arange(1, k + 1)
    return float(1 - np.prod((reference - steps) / (reference + synthetic - steps)))
