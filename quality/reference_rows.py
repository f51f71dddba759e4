"""Some volumes of a reference, as a reference: a part of the subjects, in an order of one's own."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .reference import Reference
    from .volume import Volume

__all__ = ["ReferenceRows", "rows_with_ids"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReferenceRows:
    """Rows of a reference; see `Reference`.

    Attributes:
        whole: what they are rows of.
        rows: which, in order.
    """

    whole: Reference
    rows: tuple[int, ...]

    @property
    def source(self) -> str:
        """What was opened."""
        return self.whole.source

    @property
    def ids(self) -> tuple[str, ...]:
        """Those of the rows."""
        ids = self.whole.ids
        return tuple(ids[row] for row in self.rows)

    @property
    def subjects(self) -> tuple[str, ...]:
        """Those of the rows."""
        subjects = self.whole.subjects
        return tuple(subjects[row] for row in self.rows)

    @property
    def digest(self) -> str:
        """Of the whole and the rows."""
        rows = np.asarray(self.rows, "<i8").tobytes()
        return hashlib.sha256(f"rows of {self.whole.digest}\n".encode() + rows).hexdigest()

    def __len__(self) -> int:
        return len(self.rows)

    def volume(self, row: int) -> Volume:
        """Reads one volume; see `Reference`."""
        if not 0 <= row < len(self.rows):
            msg = f"volume {row} of {len(self)} of {self.source}"
            raise IndexError(msg)
        return self.whole.volume(self.rows[row])

    def volumes(self) -> Iterator[tuple[int, Volume]]:
        """Reads all; see `Reference`."""
        return ((row, self.volume(row)) for row in range(len(self)))


def rows_with_ids(whole: Reference, ids: Sequence[str]) -> ReferenceRows | None:
    """The volumes with these ids, in this order; None if one is not there."""
    places = {one: row for row, one in enumerate(whole.ids)}
    if any(one not in places for one in ids):
        return None
    return ReferenceRows(whole=whole, rows=tuple(places[one] for one in ids))
