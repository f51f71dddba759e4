"""Shuffled without leaving a few shards at a time: for streams from afar, where a shard is fetched once and whole.

Shards come in random order and are taken in windows of several; the rows of a window are permuted together. So
whoever holds one window, and fetches the next meanwhile, fetches each shard once in an epoch. How close it comes to a
full shuffle is measured in docs/performance.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from .base import checked_places, digest, frozen_array
from .last_epoch import LastEpoch
from .permutation import permuted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

__all__ = ["WINDOW_SHARDS", "ShuffledShards", "Windows"]

WINDOW_SHARDS: Final = 16
"""Shards in a window: of shards of 64, as many samples as the shuffle buffers of 1,000 that are usual elsewhere."""

_SHARDS: Final = 1
_WITHIN: Final = 2
"""Streams of permutations, beside that of `Shuffled`."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Windows:
    """The windows of one epoch.

    Attributes:
        shards: (s,) shards in the sequence of the epoch; those without rows are left out.
        positions: (s,) of those shards among all that have rows.
        places: (s + 1,) where the rows of each shard would begin if windows were not shuffled; the last is the end.
        window_shards: each window has that many of the shards in turn; the last may have fewer.
    """

    shards: NDArray[np.int64]
    positions: NDArray[np.int64]
    places: NDArray[np.int64]
    window_shards: int

    def __len__(self) -> int:
        full, rest = divmod(len(self.shards), self.window_shards)
        return full + 1 if rest else full

    def __iter__(self) -> Iterator[tuple[int, int, NDArray[np.int64]]]:
        return (self[window] for window in range(len(self)))

    def __getitem__(self, window: int) -> tuple[int, int, NDArray[np.int64]]:
        """First place, place after the last, and shards of a window.

        Raises:
            IndexError: there is no such window.
        """
        if not 0 <= window < len(self):
            msg = f"window {window} of {len(self)}"
            raise IndexError(msg)
        first = window * self.window_shards
        stop = min(first + self.window_shards, len(self.shards))
        return int(self.places[first]), int(self.places[stop]), self.shards[first:stop]

    def of(self, places: ArrayLike) -> NDArray[np.int64]:
        """The windows in which some places lie."""
        return (np.searchsorted(self.places, places, side="right") - 1) // self.window_shards

    def bounds(self, windows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """First place of each of some windows, and the place after its last."""
        first = windows * self.window_shards
        return self.places[first], self.places[np.minimum(first + self.window_shards, len(self.shards))]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ShuffledShards:
    """Shards shuffled, and rows shuffled within windows of shards: each row once in an epoch. Make one with `of`.

    Attributes:
        shards: (s,) numbers of the shards that have rows, ascending.
        starts: (s + 1,) where each one's rows begin when rows are sorted by shard; the last is the number of rows.
        by_shard: (n,) rows sorted by shard; None where they are sorted already, as those of a whole cohort are.
        window_shards: how many shards make a window.
    """

    shards: NDArray[np.int64]
    starts: NDArray[np.int64]
    by_shard: NDArray[np.int64] | None
    window_shards: int
    _windows: LastEpoch[Windows] = field(init=False, repr=False, default_factory=LastEpoch)

    @classmethod
    def of(cls, shard_of_row: ArrayLike, window_shards: int = WINDOW_SHARDS) -> ShuffledShards:
        """The order for rows of which the shards are known.

        Args:
            shard_of_row: (n,) number of the shard that holds each row, 0 or more. Rows may come in any order, and
                shards may have any number of them, or none.
            window_shards: how many shards make a window. One needs the least memory; all of them are a full shuffle.

        Raises:
            ValueError: a number is out of range.
        """
        if window_shards < 1:
            msg = f"window_shards must be at least 1, got {window_shards}"
            raise ValueError(msg)
        of_row = frozen_array(shard_of_row, np.int64)
        if of_row.size and of_row.min() < 0:
            msg = f"the number of a shard must be 0 or more, got {of_row.min()}"
            raise ValueError(msg)
        by_shard = None if (of_row[1:] >= of_row[:-1]).all() else np.argsort(of_row, kind="stable")
        in_sequence = of_row if by_shard is None else of_row[by_shard]
        starts = np.flatnonzero(np.diff(in_sequence, prepend=-1))
        return cls(
            shards=frozen_array(in_sequence[starts], np.int64),
            starts=frozen_array(np.append(starts, len(of_row)), np.int64),
            by_shard=None if by_shard is None else frozen_array(by_shard, np.int64),
            window_shards=window_shards,
        )

    @property
    def cohort_rows(self) -> int:
        """Rows of the cohort."""
        return int(self.starts[-1])

    def __len__(self) -> int:
        return self.cohort_rows

    def rows(self, places: ArrayLike, *, seed: int, epoch: int) -> NDArray[np.int64]:
        """The rows at some places, each in the time of a search among the shards."""
        unshuffled, nth = self._found(places, seed, epoch)
        windows = self.windows(seed, epoch)
        ranks = unshuffled - windows.places[nth] + self.starts[windows.positions[nth]]
        return ranks if self.by_shard is None else self.by_shard[ranks]

    def shards_of(self, places: ArrayLike, *, seed: int, epoch: int) -> NDArray[np.int64]:
        """The shards that hold the rows at some places."""
        _, nth = self._found(places, seed, epoch)
        return self.windows(seed, epoch).shards[nth]

    def windows(self, seed: int, epoch: int) -> Windows:
        """What to fetch and when: the windows of an epoch in sequence."""
        return self._windows.get(seed, epoch, self._windows_of)

    def fingerprint(self) -> str:
        """Depends on the shard of each row and on the windows."""
        by_shard = () if self.by_shard is None else (self.by_shard,)
        return digest("shuffled shards", self.window_shards, self.shards, self.starts, *by_shard)

    def _windows_of(self, seed: int, epoch: int) -> Windows:
        count = len(self.shards)
        positions = permuted(np.arange(count), max(count, 1), seed=seed, epoch=epoch, stream=_SHARDS)
        places = np.concatenate([[0], np.cumsum(np.diff(self.starts)[positions])]).astype(np.int64)
        shards = self.shards[positions]
        return Windows(shards=shards, positions=positions, places=places, window_shards=self.window_shards)

    def _found(self, places: ArrayLike, seed: int, epoch: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """For each place, the one whose row has moved there, and which shard of the epoch holds that row."""
        checked = checked_places(places, len(self))
        windows = self.windows(seed, epoch)
        window = windows.of(checked)
        first, stop = windows.bounds(window)
        within = permuted(checked - first, stop - first, seed=seed, epoch=epoch, stream=_WITHIN, part=window)
        moved = first + within
        return moved, np.searchsorted(windows.places, moved, side="right") - 1
