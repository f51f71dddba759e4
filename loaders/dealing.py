"""Who reads what in one epoch: items in sequence, cut into global batches, each cut among ranks.

An item is a patch, or a whole volume: place in the epoch's sequence × patches of a volume + number of the patch. The
sequence of global batches depends on their size and on the first item alone, not on how many ranks and workers share
them, so a run can go on from any item on other machines.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, get_args

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = ["Dealing", "Remainder", "places_of"]

Remainder = Literal["drop", "pad", "repeat", "keep"]
"""What becomes of the last items of an epoch, if they do not fill a global batch. Ranks always take equally many steps.

`drop`: they are left out. `repeat`: the batch is filled with items from the beginning of the epoch, which count like
all others. `pad`: the same, and those are marked, so that evaluation can leave them out. `keep`: a shorter last
batch, for one rank only.
"""

_REMAINDERS: Final = get_args(Remainder)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dealing:
    """How the items of an epoch are dealt.

    Attributes:
        items: in the epoch.
        batch_size: items that one rank reads in a step.
        world_size: number of ranks.
        remainder: what becomes of the items that do not fill the last global batch.
        start: first item that is dealt; 0 unless a run goes on in the middle of the epoch.

    Raises:
        ValueError: a number is out of range, or there would be nothing to read.
    """

    items: int
    batch_size: int = 1
    world_size: int = 1
    remainder: Remainder = "drop"
    start: int = 0

    def __post_init__(self) -> None:
        for name in ("batch_size", "world_size"):
            if getattr(self, name) < 1:
                msg = f"{name} must be at least 1, got {getattr(self, name)}"
                raise ValueError(msg)
        if self.remainder not in _REMAINDERS:
            msg = f"remainder must be one of {', '.join(_REMAINDERS)}, got {self.remainder!r}"
            raise ValueError(msg)
        if self.remainder == "keep" and self.world_size > 1:
            msg = (
                f"remainder='keep' is for one rank, got world_size={self.world_size}: some ranks would have less to do "
                "and the others would wait for ever; choose 'drop', 'pad' or 'repeat'"
            )
            raise ValueError(msg)
        if self.items < 1:
            msg = f"there is nothing to read: the epoch has {self.items} items; check what the cohort was selected by"
            raise ValueError(msg)
        if not 0 <= self.start <= self.items:
            msg = f"start must be 0 to {self.items}, the items of the epoch, got {self.start}"
            raise ValueError(msg)
        if not self.steps and not self.start:
            msg = (
                f"{self.items} items do not fill one global batch of {self.batch_size} × {self.world_size} ranks, and "
                "remainder='drop' leaves them out; choose 'pad' or 'repeat', or a smaller batch"
            )
            raise ValueError(msg)

    @property
    def global_batch(self) -> int:
        """Items that all ranks together read in a step."""
        return self.batch_size * self.world_size

    @property
    def steps(self) -> int:
        """Steps of every rank."""
        full, rest = divmod(self.items - self.start, self.global_batch)
        return full + 1 if rest and self.remainder != "drop" else full

    def step(self, step: int, rank: int = 0) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """What one rank reads in one step: its contiguous part of the global batch.

        Args:
            step: 0 to steps - 1, counted from the start.
            rank: 0 to world_size - 1.

        Returns:
            (b,) items, and (b,) which of them are padding. b is the batch size, less only in the last step of `keep`.

        Raises:
            IndexError: there is no such step.
            ValueError: there is no such rank.
        """
        (dealt,) = self.dealt([step], rank)
        return dealt

    def dealt(self, steps: Sequence[int], rank: int = 0) -> list[tuple[NDArray[np.int64], NDArray[np.bool_]]]:
        """What one rank reads in some steps; each as in `step`, at a tenth of its cost."""
        self.check_rank(rank)
        count = self.steps
        for step in steps:
            if not 0 <= step < count:
                msg = f"step {step} of {count}"
                raise IndexError(msg)
        firsts = self.start + np.asarray(steps, dtype=np.int64) * self.global_batch + rank * self.batch_size
        items = firsts[:, None] + np.arange(self.batch_size, dtype=np.int64)
        beyond = items >= self.items
        padding = beyond if self.remainder == "pad" else np.zeros_like(beyond)
        if self.remainder == "keep":
            lengths = (~beyond).sum(axis=1).tolist()
            return [(each[:n], pad[:n]) for each, pad, n in zip(items, padding, lengths, strict=True)]
        return list(zip(items % self.items, padding, strict=True))

    def check_rank(self, rank: int) -> None:
        """Refuse a rank that does not exist.

        Raises:
            ValueError: it is not 0 to world_size - 1.
        """
        if not 0 <= rank < self.world_size:
            msg = f"rank must be 0 to {self.world_size - 1} for a world_size of {self.world_size}, got {rank}"
            raise ValueError(msg)

    def after(self, steps: int) -> int:
        """The first item that is not dealt yet when a number of steps is done: where to go on.

        Raises:
            IndexError: there are fewer steps.
        """
        if not 0 <= steps <= self.steps:
            msg = f"{steps} steps of {self.steps}"
            raise IndexError(msg)
        return min(self.start + steps * self.global_batch, self.items)

    def of_worker(self, worker: int, workers: int) -> range:
        """The steps of one worker: a `DataLoader` asks its workers in turn, which restores the sequence.

        Args:
            worker: 0 to workers - 1.
            workers: number of them in this rank; 0 means that the process itself reads, as 1 does.

        Raises:
            IndexError: there is no such worker.
        """
        count = max(workers, 1)
        if not 0 <= worker < count:
            msg = f"worker {worker} of {workers}"
            raise IndexError(msg)
        return range(worker, self.steps, count)


def places_of(items: ArrayLike, patches_per_volume: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The place in the epoch's sequence, and the number of the patch, of each of some items."""
    places, numbers = np.divmod(np.asarray(items, dtype=np.int64), patches_per_volume)
    return places, numbers
