"""Rows drawn with replacement, each as often as its weight says: class balance, or "half of them AD"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from ..random_words import DRAW
from .base import checked_places, digest, frozen_array
from .mixer import words_at

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Weighted"]

_TO_UNIT: Final = 2.0**-53
_UNUSED: Final = np.uint64(11)
"""Bits of a word that a float64 below 1 has no room for."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Weighted:
    """Every place draws a row of its own, by inversion of the cumulative weights. Make one with `of`.

    Some rows come several times in an epoch and some not at all: of n draws with equal weights, 37 % do not.

    Attributes:
        cumulative: (n,) sum of the weights of a row and all rows before it.
        samples: draws in an epoch.
    """

    cumulative: NDArray[np.float64]
    samples: int

    @classmethod
    def of(cls, weights: ArrayLike, samples: int | None = None) -> Weighted:
        """The order for some weights.

        Args:
            weights: (n,) 0 or more; only their proportions matter.
            samples: draws in an epoch; None for as many as there are rows.

        Raises:
            ValueError: a weight is negative or no number, all are 0, or samples is below 1.
        """
        given = frozen_array(weights, np.float64)
        wrong = np.flatnonzero(~(np.isfinite(given) & (given >= 0)))
        if wrong.size:
            first = wrong[0]
            msg = f"weights must be finite and 0 or more, got {given[first]} for row {first} ({wrong.size} such rows)"
            raise ValueError(msg)
        if not given.any():
            msg = f"at least one weight must be above 0, got {len(given)} weights, none of them above 0"
            raise ValueError(msg)
        samples = len(given) if samples is None else samples
        if samples < 1:
            msg = f"samples must be at least 1, got {samples}"
            raise ValueError(msg)
        # cumsum adds in sequence on every machine, sum does not; the largest is 1 so that the total is finite
        return cls(cumulative=frozen_array(np.cumsum(given / given.max()), np.float64), samples=samples)

    @property
    def cohort_rows(self) -> int:
        """Rows of the cohort."""
        return len(self.cumulative)

    def __len__(self) -> int:
        return self.samples

    def rows(self, places: ArrayLike, *, seed: int, epoch: int) -> NDArray[np.int64]:
        """The rows drawn at some places, each in the time of a search among the rows."""
        words = words_at(checked_places(places, len(self)), seed=seed, epoch=epoch, purpose=DRAW)
        total = self.cumulative[-1]
        drawn = (words >> _UNUSED).astype(np.float64) * _TO_UNIT * total
        # the product may be rounded up to the total itself
        below = np.minimum(drawn, np.nextafter(total, 0.0))
        return np.asarray(np.searchsorted(self.cumulative, below, side="right"), dtype=np.int64)

    def fingerprint(self) -> str:
        """Depends on the weights and the number of draws."""
        return digest("weighted", self.samples, self.cumulative)
