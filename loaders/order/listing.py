"""A sequence that the user lists: any plain function of the epoch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from .base import checked_places, digest, frozen_array
from .last_epoch import LastEpoch

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

__all__ = ["Listed"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Listed:
    """What a function says, checked. Make one with `of`.

    Attributes:
        function: (seed, epoch) → rows of the cohort in sequence. It must give the same for the same arguments, in
            every process; where worker processes are spawned it must be picklable, so no lambda.
        cohort_rows: rows of the cohort.
        samples: rows in each epoch's sequence.
    """

    function: Callable[[int, int], ArrayLike]
    cohort_rows: int
    samples: int
    _sequence: LastEpoch[NDArray[np.int64]] = field(init=False, repr=False, default_factory=LastEpoch)

    @classmethod
    def of(cls, function: Callable[[int, int], ArrayLike], cohort_rows: int) -> Listed:
        """The order that a function lists; the sequence of epoch 0 with seed 0 tells how long all are.

        Raises:
            ValueError: that sequence is empty, or names rows that the cohort does not have.
        """
        samples = len(_checked(function(0, 0), cohort_rows, epoch=0))
        return cls(function=function, cohort_rows=cohort_rows, samples=samples)

    def __len__(self) -> int:
        return self.samples

    def rows(self, places: ArrayLike, *, seed: int, epoch: int) -> NDArray[np.int64]:
        """The rows that the function lists at some places.

        Raises:
            ValueError: the function lists rows that the cohort does not have, or another number of them than before.
        """
        checked = checked_places(places, len(self))
        return self._sequence.get(seed, epoch, self._listed)[checked]

    def fingerprint(self) -> str:
        """Depends on what the function lists for the first two epochs of seed 0."""
        first, second = self._listed(0, 0), self._listed(0, 1)
        return digest("listed", self.cohort_rows, first, second)

    def _listed(self, seed: int, epoch: int) -> NDArray[np.int64]:
        sequence = _checked(self.function(seed, epoch), self.cohort_rows, epoch=epoch)
        if len(sequence) != self.samples:
            msg = (
                f"the function lists {len(sequence)} rows for epoch {epoch} and {self.samples} for epoch 0; "
                "all epochs must be equally long"
            )
            raise ValueError(msg)
        return sequence


def _checked(sequence: ArrayLike, cohort_rows: int, *, epoch: int) -> NDArray[np.int64]:
    listed = np.asarray(sequence)
    if listed.ndim != 1 or not listed.size or listed.dtype.kind not in "iu":
        msg = f"the function must list at least one row, as integers, got {listed.dtype} of shape {listed.shape}"
        raise ValueError(msg)
    if listed.min() < 0 or listed.max() >= cohort_rows:
        wrong = listed[(listed < 0) | (listed >= cohort_rows)][0]
        msg = f"the function lists row {wrong} for epoch {epoch}, and the cohort has {cohort_rows} rows, from 0"
        raise ValueError(msg)
    return frozen_array(listed, np.int64)
