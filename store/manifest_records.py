"""The small values that a manifest is made of."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Attempt", "Rejection", "SplitRecord"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitRecord:
    """Size of a split.

    Attributes:
        slots: positions in its arrays, holes included.
        samples: rows of its table, one for each slot that is not a hole.
        shard_samples: slots of one shard file.
    """

    slots: int
    samples: int
    shard_samples: int

    @property
    def shards(self) -> int:
        """Shard files of each of its arrays."""
        return -(-self.slots // self.shard_samples)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One volume that was made and refused.

    Attributes:
        attempt: its number, from 0.
        seed: what it was made from.
        reasons: why the gate refused it.
    """

    attempt: int
    seed: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """A sample that was planned and is not there, because no attempt passed: a hole.

    Attributes:
        sample_id, index, split: as its row would have had them.
        slot: position in the split's arrays that is empty.
        attempts: what was tried.
    """

    sample_id: str
    index: int
    split: str
    slot: int
    attempts: tuple[Attempt, ...]
