"""From easy to hard: ascending by a value, as random as its bins are wide.

Bengio et al., "Curriculum learning", ICML 2009, show the easy examples first. Sorting alone would repeat the same
sequence in every epoch, so rows are shuffled inside bins of equal size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from .base import checked_places, digest, frozen_array
from .permutation import permuted

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["BINS", "Curriculum"]

BINS: Final = 10
"""Tenths of the cohort: coarse enough that a batch of one bin still varies."""

_WITHIN: Final = 5
"""Stream of permutations, beside those of other orders."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curriculum:
    """Each row once in an epoch: bins in ascending order, rows shuffled inside. Make one with `of`.

    Attributes:
        by_value: (n,) rows sorted by their value, equal ones as in the cohort.
        starts: (bins + 1,) where each bin begins; the last is n. Sizes of bins differ by one at most.
    """

    by_value: NDArray[np.int64]
    starts: NDArray[np.int64]

    @classmethod
    def of(cls, values: ArrayLike, *, bins: int = BINS, descending: bool = False) -> Curriculum:
        """The order for some values.

        Args:
            values: (n,) numbers.
            bins: how many; 1 is a full shuffle, as many as rows (or more) a strict sequence.
            descending: begin with the largest.

        Raises:
            ValueError: a value is no number, or bins is below 1.
        """
        value = frozen_array(values, np.float64)
        missing = int(np.isnan(value).sum())
        if missing:
            msg = f"{missing} of {len(value)} rows have no value; select those that have one, where('… is not None')"
            raise ValueError(msg)
        if bins < 1:
            msg = f"bins must be at least 1, got {bins}"
            raise ValueError(msg)
        bins = max(min(bins, len(value)), 1)
        return cls(
            by_value=frozen_array(np.argsort(-value if descending else value, kind="stable"), np.int64),
            starts=frozen_array(np.arange(bins + 1) * len(value) // bins, np.int64),
        )

    @property
    def cohort_rows(self) -> int:
        """Rows of the cohort."""
        return len(self.by_value)

    def __len__(self) -> int:
        return len(self.by_value)

    def rows(self, places: ArrayLike, *, seed: int, epoch: int) -> NDArray[np.int64]:
        """The rows at some places, each in the time of a search among the bins."""
        checked = checked_places(places, len(self))
        if not checked.size:
            return checked
        number = np.searchsorted(self.starts, checked, side="right") - 1
        first, stop = self.starts[number], self.starts[number + 1]
        within = permuted(checked - first, stop - first, seed=seed, epoch=epoch, stream=_WITHIN, part=number)
        return np.take(self.by_value, first + within)

    def fingerprint(self) -> str:
        """Depends on the sequence of the rows by value and on the bins."""
        return digest("curriculum", self.by_value, self.starts)
