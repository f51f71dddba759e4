"""Fréchet distance of the normal distributions that have the means and covariances of two sets.

‖μx − μy‖² + tr(Σx + Σy − 2 (Σx Σy)^½), Dowson & Landau 1982 (J. Multivar. Anal. 12:450); with features of an Inception
network it is the FID of Heusel et al. 2017 (arXiv:1706.08500). The trace of the root is Σ√λ of Σx^½ Σy Σx^½, which is
symmetric and positive: so no complex root is ever taken, and two sets alike give 0.

It is biased: between two sets of one population it is above 0, by about the width over the number of samples (Chong &
Forsyth 2020, arXiv:1911.07023). It means nothing without its floor from equally many samples.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["frechet", "frechet_of_moments"]


def frechet(x: Floats, y: Floats, x_counts: Floats, y_counts: Floats) -> Floats:
    """The distance for each weighting of the rows; a `Statistic`, `(b, 1)`."""
    centre = y.mean(axis=0)
    x, y = x - centre, y - centre
    found = [frechet_of_moments(*_moments(x, w), *_moments(y, v)) for w, v in zip(x_counts, y_counts, strict=True)]
    return np.array(found)[:, None]


def frechet_of_moments(x_mean: Floats, x_covariance: Floats, y_mean: Floats, y_covariance: Floats) -> float:
    """The distance of two normal distributions, squared, in the units of the features squared."""
    values, vectors = np.linalg.eigh(x_covariance)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    product = np.linalg.eigvalsh(root @ y_covariance @ root)
    trace = np.trace(x_covariance) + np.trace(y_covariance) - 2 * np.sqrt(np.maximum(product, 0)).sum()
    return float(((x_mean - y_mean) ** 2).sum() + max(trace, 0.0))


def _moments(x: Floats, counts: Floats) -> tuple[Floats, Floats]:
    """Mean and unbiased covariance of weighted rows."""
    total = counts.sum()
    mean = counts @ x / total
    covariance = (x * counts[:, None]).T @ x
    covariance -= total * np.outer(mean, mean)
    return mean, covariance / (total - 1)
