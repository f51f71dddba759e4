"""Samples that lie far from all of the reference: the finding EMB_OUTLIER.

The distance of a row to its k-th nearest row of the reference, against the same distance inside the reference, where a
row is no neighbour of its own. Beyond the 99.9 % quantile of those a sample is an outlier: of a perfect generator one
in a thousand is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..distances import nearest

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["NEIGHBOURS", "QUANTILE", "Outliers", "find_outliers", "outlier_share"]

NEIGHBOURS = 5
QUANTILE = 0.999
"""With fewer than 1,000 rows it is between the two largest distances."""
_BLOCK_ROWS = 2048


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outliers:
    """What was found.

    Attributes:
        distances: `(n,)` of each row to its k-th nearest of the reference.
        limit: beyond it a row is an outlier.
        reference_distances: `(m,)` the same inside the reference.
    """

    distances: NDArray[np.float32]
    limit: float
    reference_distances: NDArray[np.float32]

    @property
    def rows(self) -> NDArray[np.int64]:
        """Rows that are outliers."""
        return np.flatnonzero(self.distances > self.limit)


def find_outliers(
    x: NDArray[np.float32], y: NDArray[np.float32], *, k: int = NEIGHBOURS, scale: Callable[..., Floats] | None = None
) -> Outliers:
    """Judges every row of x by all of the reference y, a block at a time.

    Args:
        x: `(n, d)`.
        y: `(m, d)`.
        k: which neighbour's distance counts.
        scale: what brings features onto one scale; it is given some rows at a time.

    Raises:
        ValueError: the reference has no more than k rows.
    """
    scaled = _scaled(scale, y)
    inside = nearest(scaled, scaled, k, same=True).distances[:, -1]
    distances = np.empty(len(x), np.float32)
    for start in range(0, len(x), _BLOCK_ROWS):
        part = slice(start, start + _BLOCK_ROWS)
        distances[part] = nearest(_scaled(scale, x[part]), scaled, k).distances[:, -1]
    limit = float(np.quantile(inside.astype(np.float64), QUANTILE))
    return Outliers(distances=distances, limit=limit, reference_distances=inside)


def _scaled(scale: Callable[..., Floats] | None, values: NDArray[np.float32]) -> NDArray[np.float32]:
    return values if scale is None else scale(values).astype(np.float32)


def outlier_share(x: Floats, y: Floats, x_counts: Floats, y_counts: Floats) -> Floats:
    """Share of x that are outliers, for each weighting of x; a `Statistic`, `(b, 1)`. The limit is that of all of y."""
    del y_counts
    found = find_outliers(x.astype(np.float32), y.astype(np.float32))
    beyond = (found.distances > found.limit).astype(np.float64)
    share: Floats = x_counts @ beyond / x_counts.sum(axis=1)
    return share[:, None]
