"""Vendi score: how many different samples a set holds, in effect.

exp of the entropy of the eigenvalues of K/n, K the similarities of all pairs (Friedman & Dieng 2023, arXiv:2210.02410).
With K the cosines, K/n has the eigenvalues of the d×d matrix XᵀX/n of unit vectors: so memory does not grow with n².
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["vendi", "vendi_ratio"]


def vendi(x: Floats, counts: Floats | None = None) -> float:
    """Effective number of different rows, from 1 to the smaller of n and d.

    Args:
        x: `(n, d)`; cosines are taken from the origin, so give vectors centred on the reference.
        counts: `(n,)` how often each row counts; once each by default.

    Raises:
        ValueError: a vector is 0, so that it has no direction.
    """
    weights = np.ones(len(x)) if counts is None else counts
    unit = _unit(x) * np.sqrt(weights / weights.sum())[:, None]
    smaller = unit.T @ unit if unit.shape[1] <= len(unit) else unit @ unit.T
    values = np.linalg.eigvalsh(smaller)
    values = values[values > 0]
    return float(np.exp(-(values * np.log(values)).sum()))


def vendi_ratio(x: Floats, y: Floats, x_counts: Floats, y_counts: Floats) -> Floats:
    """Diversity of x as a share of that of y, for each weighting; a `Statistic`, `(b, 1)`. Give equally many rows."""
    found = [vendi(x, w) / vendi(y, v) for w, v in zip(x_counts, y_counts, strict=True)]
    return np.array(found)[:, None]


def _unit(x: Floats) -> Floats:
    lengths = np.linalg.norm(x, axis=1)
    if not (lengths > 0).all():
        row = int(np.flatnonzero(~(lengths > 0))[0])
        msg = f"row {row} is a vector of zeros: it has no direction, so its similarity to others is not defined"
        raise ValueError(msg)
    unit: Floats = x / lengths[:, None]
    return unit
