"""What one rank reads in one epoch, step by step: a frozen plan that knows neither disk nor torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Steps"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Steps:
    """The patches of some samples in sequence, cut into batches.

    Attributes:
        positions: (n,) samples in the sequence in which they are read.
        patches_per_volume: all patches of a sample follow each other.
        batch_size: patches in a step.
        drop_last: leave out the last step if it is not full.
    """

    positions: NDArray[np.int64]
    patches_per_volume: int = 1
    batch_size: int = 1
    drop_last: bool = False

    def __len__(self) -> int:
        """Number of steps."""
        full, rest = divmod(len(self.positions) * self.patches_per_volume, self.batch_size)
        return full if self.drop_last or not rest else full + 1

    def __getitem__(self, step: int) -> list[tuple[int, int]]:
        """The (position, patch number) pairs of a step."""
        first = step * self.batch_size
        stop = min(first + self.batch_size, len(self.positions) * self.patches_per_volume)
        pairs = (divmod(place, self.patches_per_volume) for place in range(first, stop))
        return [(int(self.positions[place]), number) for place, number in pairs]

    def of_worker(self, worker: int, workers: int) -> Iterator[list[tuple[int, int]]]:
        """Every workers-th step: a `DataLoader` asks its workers in turn, which restores the sequence."""
        return (self[step] for step in range(worker, len(self), workers))
