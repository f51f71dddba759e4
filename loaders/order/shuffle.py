"""Every row once in an epoch, in a sequence as random as there is: the default for training from a local disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .base import checked_places, digest
from .permutation import permuted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Shuffled"]


@dataclass(frozen=True, slots=True)
class Shuffled:
    """A permutation of all rows, another in each epoch. Nothing is held, however many there are.

    Attributes:
        cohort_rows: how many.
    """

    cohort_rows: int

    def __len__(self) -> int:
        return self.cohort_rows

    def rows(self, places: ArrayLike, *, seed: int, epoch: int) -> NDArray[np.int64]:
        """The rows at some places, each in constant time."""
        return permuted(checked_places(places, len(self)), self.cohort_rows, seed=seed, epoch=epoch)

    def fingerprint(self) -> str:
        """Depends on the number of rows."""
        return digest("shuffled", self.cohort_rows)
