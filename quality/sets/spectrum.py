"""Radial power spectra: how much fine and coarse detail the images hold.

Smoothing that no eye and no pooled network feature notices takes power away at high frequencies, noise adds some.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .floors import Statistic

    Floats = NDArray[np.float64]

__all__ = ["DECIBEL", "HIGH", "high_share_ratio", "mean_curve", "spectrum_distance"]

DECIBEL = 10 / np.log(10)
"""Of one unit of the natural logarithm of power."""
HIGH = 0.5
"""Share of the highest frequency from which on detail counts as fine."""


def spectrum_distance(x: Floats, y: Floats, x_counts: Floats, y_counts: Floats) -> Floats:
    """Mean over frequencies of the distance of the mean log spectra, in dB; a `Statistic`, `(b, 1)`.

    Args:
        x: `(n, bins)` natural logarithm of the power in each shell.
        y: `(m, bins)`.
        x_counts: `(b, n)`.
        y_counts: `(b, m)`.
    """
    apart = _weighted_mean(x, x_counts) - _weighted_mean(y, y_counts)
    distance: Floats = DECIBEL * np.abs(apart).mean(axis=1, keepdims=True)
    return distance


def high_share_ratio(edges: Sequence[tuple[float, float]]) -> Statistic:
    """Share of power at high frequencies in x, as a multiple of that in y; a `Statistic`, `(b, 1)`.

    Args:
        edges: lowest and highest frequency of each shell; fine detail lies above half of the highest.
    """
    low, top = np.asarray(edges, np.float64).T
    high = low >= HIGH * top.max()
    # mean power of a shell → power: a shell holds as many frequencies as its volume says
    modes = top**3 - low**3

    def share(x: Floats) -> Floats:
        power = np.exp(x) * modes
        shares: Floats = power[:, high].sum(axis=1) / power.sum(axis=1)
        return shares

    def statistic(x: Floats, y: Floats, x_counts: Floats, y_counts: Floats) -> Floats:
        x_share, y_share = _weighted_mean(share(x), x_counts), _weighted_mean(share(y), y_counts)
        return (x_share / y_share)[:, None]

    return statistic


def mean_curve(x: Floats, quantiles: Sequence[float] = (0.05, 0.95)) -> tuple[Floats, Floats]:
    """Mean log spectrum in dB, `(bins,)`, and its quantiles over the samples, `(len(quantiles), bins)`."""
    decibel = DECIBEL * x
    return decibel.mean(axis=0), np.quantile(decibel, quantiles, axis=0)


def _weighted_mean(x: Floats, counts: Floats) -> Floats:
    mean: Floats = counts @ x / counts.sum(axis=1).reshape(-1, *[1] * (x.ndim - 1))
    return mean
