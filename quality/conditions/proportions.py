"""Exact intervals of a proportion."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..scores import Interval

__all__ = ["proportion_interval"]


def proportion_interval(hits: int, count: int) -> Interval:
    """95 % interval of a proportion by Clopper and Pearson (1934).

    >>> low, high = proportion_interval(5, 100)
    >>> round(low, 4), round(high, 4)
    (0.0164, 0.1128)
    """
    from scipy.special import betaincinv

    low = 0.0 if hits == 0 else float(betaincinv(hits, count - hits + 1, 0.025))
    high = 1.0 if hits == count else float(betaincinv(hits + 1, count - hits, 0.975))
    return low, high
