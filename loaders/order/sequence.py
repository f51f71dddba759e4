"""The order of the cohort itself, in every epoch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .base import checked_places, digest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Sequential"]


@dataclass(frozen=True, slots=True)
class Sequential:
    """Rows 0, 1, 2, ….

    Attributes:
        cohort_rows: how many.
    """

    cohort_rows: int

    def __len__(self) -> int:
        return self.cohort_rows

    def rows(self, places: ArrayLike, *, seed: int, epoch: int) -> NDArray[np.int64]:  # noqa: ARG002 - an `Order`
        """The places themselves."""
        return checked_places(places, len(self))

    def fingerprint(self) -> str:
        """Depends on the number of rows."""
        return digest("sequential", self.cohort_rows)
