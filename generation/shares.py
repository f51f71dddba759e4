"""Shares of a run, for array jobs: which shards each of N processes makes, and what is left of whom. Pure."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from .shard_maker import ShardJob

__all__ = ["Share", "counts_left", "short_list"]

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Share:
    """One of so many shares of the shards of a data set, written ``3/64``.

    Shard i of all that are planned (splits in the order of the recipe, each by number; i from 0) belongs to share
    i mod N + 1. They are dealt like cards, not cut into runs, because all shares then have as many shards, give or take
    one, and as many of each split, whose last shard is shorter and whose samples may take longer. It depends on nothing
    but i and N: not on what is there already, and not on which other shares run.

    Attributes:
        part: from 1.
        of: shares in all.
    """

    part: int
    of: int

    def __post_init__(self) -> None:
        if not 1 <= self.part <= self.of:
            msg = f"a share must be K/N with K from 1 to N, such as 3/64, got {self.part}/{self.of}"
            raise ValueError(msg)

    def __str__(self) -> str:
        return f"{self.part}/{self.of}"

    @classmethod
    def read(cls, text: str) -> Self:
        """Of its text.

        Raises:
            ValueError: it is something else.
        """
        found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text.strip())
        if found is None:
            msg = f"a share must be K/N with K from 1 to N, such as 3/64, got {text!r}"
            raise ValueError(msg)
        return cls(part=int(found[1]), of=int(found[2]))

    def pick(self, planned: Sequence[_T]) -> list[_T]:
        """What of all that is planned belongs to it."""
        return list(planned[self.part - 1 :: self.of])


def counts_left(planned: Sequence[ShardJob], committed: Container[tuple[str, int]], of: int) -> dict[Share, int]:
    """Share → its shards that are not committed, of the shares that have such.

    Args:
        planned: all shards.
        committed: split and number of those that are there.
        of: shares in all.
    """
    left = Counter(
        Share(part=place % of + 1, of=of)
        for place, job in enumerate(planned)
        if (job.split, job.number) not in committed
    )
    return dict(sorted(left.items()))


def short_list(numbers: Sequence[int]) -> str:
    """Ascending numbers as ``--array`` of Slurm takes them.

    >>> short_list([1, 3, 4, 5, 9])
    '1,3-5,9'
    """
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number - 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)
