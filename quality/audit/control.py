"""The positive control: copies of training volumes are planted, and the audit must find them.

An audit that finds nothing says something only if it would have found something.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from .planting import COPY_KINDS, planted_copy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..reference import Reference
    from ..volume import Volume

__all__ = ["COPIES", "PlantedCopies", "planted_copies"]

COPIES: Final = 204
"""34 of each kind: where all are found, the recall is above 0.98 with 95 % confidence."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PlantedCopies:
    """Planted copies, as a reference that makes them when they are read.

    Attributes:
        train: of whose volumes they are copies.
        rows: of which, one a copy.
        kinds: how each was made.
        seed: of what is random in them.
    """

    train: Reference
    rows: tuple[int, ...]
    kinds: tuple[str, ...]
    seed: int

    @property
    def source(self) -> str:
        """What was opened."""
        return f"planted copies of {self.train.source}"

    @property
    def ids(self) -> tuple[str, ...]:
        """One a copy."""
        return tuple(f"{kind} copy of {self.train.ids[row]}" for row, kind in zip(self.rows, self.kinds, strict=True))

    @property
    def subjects(self) -> tuple[str, ...]:
        """Who was copied."""
        return tuple(self.train.subjects[row] for row in self.rows)

    @property
    def digest(self) -> str:
        """Of all that they depend on."""
        text = f"planted/1 {self.train.digest} {self.rows} {self.kinds} {self.seed}"
        return hashlib.sha256(text.encode()).hexdigest()

    def __len__(self) -> int:
        return len(self.rows)

    def volume(self, row: int) -> Volume:
        """Makes one; see `Reference`."""
        random = np.random.default_rng([self.seed, row])
        return planted_copy(self.train.volume(self.rows[row]), self.kinds[row], random)

    def volumes(self) -> Iterator[tuple[int, Volume]]:
        """Makes all; see `Reference`."""
        return ((row, self.volume(row)) for row in range(len(self)))


def planted_copies(train: Reference, *, count: int = COPIES, seed: int = 0) -> PlantedCopies:
    """Which training volumes are copied, and how: the kinds in turn, the volumes at random.

    Args:
        train: the training set.
        count: of copies, a multiple of the number of kinds.
        seed: of the choice, and of what is random in the copies.
    """
    random = np.random.default_rng([seed, len(train)])
    # every volume once before any is taken twice
    rounds = [random.permutation(len(train)) for _ in range(-(-count // len(train)))]
    rows = np.concatenate(rounds)[:count].tolist()
    kinds = tuple(COPY_KINDS[number % len(COPY_KINDS)] for number in range(count))
    return PlantedCopies(train=train, rows=tuple(rows), kinds=kinds, seed=seed)
