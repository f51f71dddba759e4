"""Three classes of brightness of a body, without any model of anatomy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["three_classes"]

_BINS = 128


def three_classes(values: NDArray[np.float32]) -> tuple[float, float]:
    """The two thresholds that part values into three classes with the largest variance between them (Otsu 1979).

    In a T1-weighted brain the classes are roughly fluid, grey and white matter: good for contrast and its trends, too
    coarse for volumes of tissue.

    Args:
        values: `(n,)`, finite.

    Raises:
        ValueError: there are fewer than three different values.
    """
    low, high = values.min(), values.max()
    counts, edges = np.histogram(values, bins=_BINS, range=(low, high))
    if np.count_nonzero(counts) < 3:
        msg = f"three classes of brightness need three different values, got {np.count_nonzero(counts)}"
        raise ValueError(msg)
    centres = (edges[:-1] + edges[1:]) / 2
    weight = np.concatenate([[0], np.cumsum(counts)]).astype(np.float64)
    total = np.concatenate([[0], np.cumsum(counts * centres)])
    first, second = np.triu_indices(_BINS, k=1)
    first, second = first[first > 0], second[first > 0]
    low_class = _squared(total[first], weight[first])
    middle_class = _squared(total[second] - total[first], weight[second] - weight[first])
    high_class = _squared(total[-1] - total[second], weight[-1] - weight[second])
    between = low_class + middle_class + high_class
    # between far classes many thresholds are as good: the middle of them
    best = np.flatnonzero(between >= between.max() * (1 - 1e-12))
    return float(edges[first[best]].mean()), float(edges[second[best]].mean())


def _squared(total: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """A class's share of the variance between classes, up to a constant; that of an empty class is lowest."""
    shares: NDArray[np.float64] = np.divide(total**2, weight, out=np.full(len(total), -np.inf), where=weight > 0)
    return shares
