"""Which split a row belongs to, and its slot there: known before any voxel, and never changed by more rows.

Row i is the number ``offset(seed) + i·0x9E3779B97F4A7C15`` modulo 2^64, multiples of the golden ratio on a circle,
and a split is an arc of that circle. So:

* **disjoint**: a row is one point, and the arcs share none;
* **stable**: row i depends on nothing but i, the seed and the fractions, so a data set that grows keeps its splits;
* **even**: of all rotations, the golden one spreads any run of consecutive rows most evenly (the points cut the
  circle into gaps of at most three lengths), so each split has its share of the first n rows, and of any n rows
  in sequence, to within a few rows, where independent draws would miss it by √n: no unlucky small data set, and a
  people file sorted by diagnosis has each diagnosis in every split;
* **exact**: whole numbers of 64 bits, the same on every machine.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from .streams import stream_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["assign_slots", "assign_splits"]

_GOLDEN = 0x9E3779B97F4A7C15
_CIRCLE = 1 << 64


def assign_splits(seed: int, fractions: Sequence[float], rows: int) -> NDArray[np.int32]:
    """The number of the split of each row.

    Args:
        seed: of the recipe.
        fractions: of the splits in their order, each above 0.
        rows: how many.
    """
    offset = np.array([stream_key(seed, "splits", bits=64)], dtype=np.uint64)
    points = offset + np.arange(rows, dtype=np.uint64) * np.uint64(_GOLDEN)
    return np.searchsorted(_ends(fractions), points, side="right").astype(np.int32)


def assign_slots(split: NDArray[np.int32], splits: int) -> NDArray[np.int64]:
    """The place of each row among the rows of its split, in the order of the cohort."""
    slots = np.empty(split.shape, dtype=np.int64)
    for number in range(splits):
        members = np.flatnonzero(split == number)
        slots[members] = np.arange(members.size)
    return slots


def _ends(fractions: Sequence[float]) -> NDArray[np.uint64]:
    """Where each arc but the last ends, computed without rounding before the last step."""
    exact = [Fraction(fraction) for fraction in fractions]
    total = sum(exact)
    ends = [int(sum(exact[: count + 1]) * _CIRCLE / total) for count in range(len(exact) - 1)]
    return np.array(ends, dtype=np.uint64)
