"""What a model makes of what is asked of it, as a curve that can be turned around. Pure."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.optimize import lsq_linear

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["calibration_curve"]

_KNOTS: Final = 5
_LEAST = 4
"""Samples a knot."""
_LEAST_SLOPE = 0.05
"""Of the curve; a model that is flatter somewhere does not obey there, and turning its curve around is no help."""


def calibration_curve(asked: NDArray[np.float64], came: NDArray[np.float64]) -> tuple[tuple[float, float], ...]:
    """An increasing, piecewise linear curve through (asked, what came of it on average), by least squares.

    Args:
        asked: `(n,)`, of the network.
        came: `(n,)`, measured.

    Returns:
        the knots, at quantiles of what was asked; none where there are too few samples to tell.
    """
    count = min(_KNOTS, len(asked) // _LEAST)
    if count < 2 or not asked.min() < asked.max():
        return ()
    knots = np.unique(np.quantile(asked, np.linspace(0, 1, count)))
    if len(knots) < 2:
        return ()
    # a curve is its value at the first knot and its rises after that
    hats = np.stack([np.interp(asked, knots, np.eye(len(knots))[k]) for k in range(len(knots))], axis=1)
    rises = hats @ np.tril(np.ones((len(knots), len(knots))))
    least = np.concatenate([[-np.inf], _LEAST_SLOPE * np.diff(knots)])
    scale = max(float(came.std()), 1e-12)
    found = lsq_linear(rises, came / scale, bounds=(least / scale, np.full(len(knots), np.inf)))
    values = np.cumsum(found.x) * scale
    curve = tuple(zip(knots.tolist(), values.tolist(), strict=True))
    assert all(a[1] < b[1] for a, b in pairwise(curve))
    return curve
