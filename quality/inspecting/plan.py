"""What is to be done for the samples of a store, in pieces of some rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from ..features import FeatureExtractor
    from ..features.table import FeatureFile

__all__ = ["Piece", "plan_pieces"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Some rows of the whole table, and what is to be done with them.

    Attributes:
        start, stop: rows.
        check: they are checked.
        lacking: names of the extractors that some of them have no vector of.
    """

    start: int
    stop: int
    check: bool
    lacking: tuple[str, ...]

    @property
    def name(self) -> str:
        """Of its file in the work folder."""
        return f"{self.start:010d}-{self.stop:010d}"


def plan_pieces(
    file: FeatureFile, there: pa.Table | None, extractors: Sequence[FeatureExtractor], *, size: int, check: bool
) -> list[Piece]:
    """What is to be done for the rows of one file. Pure."""
    pieces = []
    for start in range(0, file.rows, size):
        stop = min(start + size, file.rows)
        lacking = tuple(each.name for each in extractors if _lacks(there, each.name, start, stop))
        if check or lacking:
            pieces.append(Piece(start=file.first + start, stop=file.first + stop, check=check, lacking=lacking))
    return pieces


def _lacks(there: pa.Table | None, name: str, start: int, stop: int) -> bool:
    if there is None or name not in there.column_names:
        return True
    return bool(there[name].slice(start, stop - start).null_count)
