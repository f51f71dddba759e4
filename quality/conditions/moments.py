"""Agreement of two columns of numbers from their moments, and intervals by the bootstrap.

All statistics are functions of six means, so that a resample is one weighted sum: memory stays at one column of counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ..scores import Interval

__all__ = ["REPEATS", "agreement", "agreement_intervals"]

REPEATS: Final = 400
"""Resamples of the bootstrap; the ends of a 95 % interval then stand on ten of them each."""


def agreement(ordered: NDArray[np.float64], measured: NDArray[np.float64]) -> dict[str, float]:
    """How far measured values are what was ordered.

    With x ordered and y measured: `mae`, `bias` = mean(y − x), `rmse`, Pearson's `r`, Lin's concordance `ccc` =
    2·cov / (var x + var y + bias²) (Lin 1989), and `slope` and `intercept` of the line y over x.

    Args:
        ordered: finite, one value a sample.
        measured: likewise.

    Returns:
        name → value; what is not defined, because a column does not vary, is NaN.
    """
    centre = float(ordered.mean())
    return {
        name: float(value)
        for name, value in _statistics(_terms(ordered, measured, centre).mean(axis=0), centre).items()
    }


def agreement_intervals(
    ordered: NDArray[np.float64], measured: NDArray[np.float64], *, seed: tuple[int, ...], repeats: int = REPEATS
) -> dict[str, Interval]:
    """95 % percentile bootstrap intervals of what `agreement` gives; a name is left out where one is not defined.

    Args:
        ordered: as for `agreement`.
        measured: likewise.
        seed: of the resamples.
        repeats: how many.
    """
    rng = np.random.default_rng(seed)
    count, centre = len(ordered), float(ordered.mean())
    terms = _terms(ordered, measured, centre)
    means = np.empty((repeats, terms.shape[1]))
    for row in range(repeats):
        drawn = np.bincount(rng.integers(0, count, count), minlength=count)
        means[row] = drawn @ terms / count
    intervals = {}
    for name, values in _statistics(means, centre).items():
        if np.isfinite(values).all():
            low, high = np.quantile(values, (0.025, 0.975))
            intervals[name] = (float(low), float(high))
    return intervals


def _terms(x: NDArray[np.float64], y: NDArray[np.float64], centre: float) -> NDArray[np.float64]:
    """Centred, so that squares lose nothing."""
    x, y = x - centre, y - centre
    return np.stack([x, y, x * x, y * y, x * y, np.abs(y - x)], axis=1)


def _statistics(means: NDArray[np.float64], centre: float) -> Mapping[str, NDArray[np.float64]]:
    x, y, xx, yy, xy, error = np.moveaxis(means, -1, 0)
    across, of_x, of_y = xy - x * y, xx - x * x, yy - y * y
    # what is left of a column that does not vary is rounding
    of_x = np.where(of_x > 1e-12 * xx + 1e-24 * centre**2, of_x, np.nan)
    varies = np.where(of_y > 1e-12 * yy + 1e-24 * centre**2, of_y, np.nan)
    slope = across / of_x
    return {
        "mae": error,
        "bias": y - x,
        "rmse": np.sqrt(np.maximum(xx + yy - 2 * xy, 0)),
        "r": across / np.sqrt(of_x * varies),
        "ccc": 2 * across / (of_x + of_y + (y - x) ** 2),
        "slope": slope,
        "intercept": y - slope * x + centre * (1 - slope),
    }
