"""Every stretch of the sequence has the classes in the proportions of the table, so every batch nearly has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from .base import checked_places, digest, frozen_array
from .permutation import permuted

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Stratified"]

_TURN: Final = 3
_WITHIN: Final = 4
"""Streams of permutations, beside those of other orders."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stratified:
    """Each row once in an epoch, classes dealt as evenly as their numbers allow. Make one with `of`.

    The n_c rows of class c stand at (j + 1/2) / n_c for j = 0 to n_c - 1, all classes are merged, and the circle that
    this makes is entered at another place in each epoch; who of a class stands where is shuffled.

    Among any L places in a row, class c has p_c·L of them, give or take at most 1 + p_c·(classes - 2), where
    p_c = n_c / n: with two classes one row at most. For between two points of the circle that are d apart, each class
    has n_c·d rows, give or take 1, and L is the sum of these.

    Attributes:
        circle: (n,) at each place of the circle, a rank among the rows sorted by class.
        by_class: (n,) rows sorted by class.
        starts: (c + 1,) where each class begins in `by_class`; the last is n.
    """

    circle: NDArray[np.int64]
    by_class: NDArray[np.int64]
    starts: NDArray[np.int64]

    @classmethod
    def of(cls, codes: ArrayLike) -> Stratified:
        """The order for rows whose classes are known.

        Args:
            codes: (n,) class of each row, an integer of 0 or more.
        """
        code = frozen_array(codes, np.int64)
        counts = np.bincount(code)
        counts = counts[counts > 0]
        starts = np.concatenate([[0], np.cumsum(counts)])
        rank = np.arange(len(code)) - np.repeat(starts[:-1], counts)
        circle = np.argsort((rank + 0.5) / np.repeat(counts, counts), kind="stable")
        return cls(
            circle=frozen_array(circle, np.int64),
            by_class=frozen_array(np.argsort(code, kind="stable"), np.int64),
            starts=frozen_array(starts, np.int64),
        )

    @property
    def cohort_rows(self) -> int:
        """Rows of the cohort."""
        return len(self.by_class)

    def __len__(self) -> int:
        return len(self.by_class)

    def rows(self, places: ArrayLike, *, seed: int, epoch: int) -> NDArray[np.int64]:
        """The rows at some places, each in the time of a search among the classes."""
        checked = checked_places(places, len(self))
        if not checked.size:
            return checked
        turn = int(permuted([0], len(self), seed=seed, epoch=epoch, stream=_TURN)[0])
        ranks = self.circle[(checked + turn) % len(self)]
        of_class = np.searchsorted(self.starts, ranks, side="right") - 1
        first, stop = self.starts[of_class], self.starts[of_class + 1]
        within = permuted(ranks - first, stop - first, seed=seed, epoch=epoch, stream=_WITHIN, part=of_class)
        return np.take(self.by_class, first + within)

    def fingerprint(self) -> str:
        """Depends on the class of each row."""
        return digest("stratified", self.by_class, self.starts)
