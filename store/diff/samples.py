"""What became of the samples of a data set: its two tables, compared column by column."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from ...errors import FormatError
from .changes_file import changes_table
from .joining import Joined, join
from .kinds import PLACE, column_kinds
from .portions import portions
from .result import ColumnChange, Example, Move, SampleChanges
from .values import differing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from ..opened import Locations

    OnChanges = Callable[[pa.Table], None]

__all__ = ["Rows", "compare_rows"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """A table whose columns are read some at a time.

    Attributes:
        schema: of the table.
        arrays: name → kind.
        where: split and slot of each row.
        read: gives some columns by their names.
    """

    schema: pa.Schema
    arrays: Mapping[str, str]
    where: Locations
    read: Callable[[Sequence[str]], pa.Table]

    @cached_property
    def ids(self) -> pa.Array:
        """Of all rows."""
        return self.read(["sample_id"])["sample_id"].combine_chunks()

    def ids_of(self, rows: NDArray[np.int64]) -> pa.Array:
        """Of some rows."""
        return self.ids.take(pa.array(rows))

    def places(self, rows: NDArray[np.int64]) -> tuple[pa.Array, pa.Array]:
        """Split and slot of some rows."""
        splits = pa.array(self.where.splits, pa.string()).take(pa.array(self.where.split[rows]))
        return splits, pa.array(self.where.slot[rows])

    def by_split(self, rows: NDArray[np.int64]) -> dict[str, int]:
        """How many of some rows each split has."""
        counts = np.bincount(self.where.split[rows], minlength=len(self.where.splits))
        return dict(zip(self.where.splits, counts.tolist(), strict=True))


def compare_rows(old: Rows, new: Rows, *, examples: int, on_changes: OnChanges | None = None) -> SampleChanges:
    """Compare two tables.

    Columns that only one of them has, or that have another type, are for the comparison of the schemas to tell of.

    Args:
        old: one table.
        new: another.
        examples: how many to keep of each.
        on_changes: given all that differs, as rows of `changes_file.SCHEMA`, piece by piece.

    Raises:
        FormatError: the ids of a table are not unique, or a column is of a type that cannot be compared.
    """
    joined = join(old.ids, new.ids)
    changed, moved, columns = _compare_columns(old, new, joined, examples, on_changes)
    untouched = ~changed & ~moved
    if on_changes:
        removed, added, at = joined.removed, joined.added, np.flatnonzero(moved)
        places = {"old": old.places(joined.old[at]), "new": new.places(joined.new[at])}
        on_changes(changes_table("removed", old.ids_of(removed), old=old.places(removed)))
        on_changes(changes_table("added", new.ids_of(added), new=new.places(added)))
        on_changes(changes_table("moved", new.ids_of(joined.new[at]), **places))
    return SampleChanges(
        added=new.ids_of(joined.added),
        removed=old.ids_of(joined.removed),
        changed=new.ids_of(joined.new[changed]),
        moved=new.ids_of(joined.new[moved]),
        same=int(untouched.sum()),
        by_split={
            "added": new.by_split(joined.added),
            "removed": old.by_split(joined.removed),
            "changed": new.by_split(joined.new[changed]),
            "moved": new.by_split(joined.new[moved]),
            "same": new.by_split(joined.new[untouched]),
        },
        columns=columns,
        moves=_moves(old, new, joined, np.flatnonzero(moved)[:examples]),
    )


def _compare_columns(
    old: Rows, new: Rows, joined: Joined, examples: int, on_changes: OnChanges | None
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], tuple[ColumnChange, ...]]:
    """Of the samples that both have: which changed, which moved; and what differs."""
    ids = new.ids_of(joined.new)
    changed, moved = (np.zeros(len(ids), dtype=np.bool_) for _ in range(2))
    kinds = column_kinds(new.schema, new.arrays)
    columns = []
    for name, before, after in _pairs(old, new, joined):
        unequal = _differing(before, after, name)
        at = np.flatnonzero(unequal)
        if not len(at):
            continue
        kind, rows = kinds[name], pa.array(at)
        touched = moved if kind == PLACE else changed
        touched |= unequal
        values = before.take(rows), after.take(rows)
        columns.append(_column_change((name, kind), ids.take(rows), values, examples))
        if on_changes and kind != PLACE:
            places = {"old": old.places(joined.old[at]), "new": new.places(joined.new[at])}
            on_changes(changes_table("changed", ids.take(rows), column=(name, kind), values=values, **places))
    return changed, moved, tuple(columns)


def _pairs(old: Rows, new: Rows, joined: Joined) -> Iterator[tuple[str, pa.Array, pa.Array]]:
    """Each column that both have, of the samples that both have: its name, and its values in each."""
    before = dict(zip(old.schema.names, old.schema.types, strict=True))
    fields = [each for each in new.schema if each.name != "sample_id" and before.get(each.name) == each.type]
    for names in portions(fields, max(len(old.ids), len(new.ids))):
        tables = old.read(names), new.read(names)
        for name in names:
            yield (
                name,
                *(_taken(*each) for each in zip((t[name] for t in tables), (joined.old, joined.new), strict=True)),
            )


def _taken(column: pa.ChunkedArray, rows: NDArray[np.int64]) -> pa.Array:
    """Some rows of a column, in one piece."""
    whole = column.combine_chunks()
    return (
        whole if len(rows) == len(whole) and bool((rows == np.arange(len(rows))).all()) else whole.take(pa.array(rows))
    )


def _differing(before: pa.Array, after: pa.Array, name: str) -> NDArray[np.bool_]:
    try:
        return differing(before, after)
    except pa.ArrowNotImplementedError as error:
        msg = f"column {name!r} is of type {before.type}, which no data set of this format has; leave it out"
        raise FormatError(msg) from error


def _column_change(
    column: tuple[str, str], ids: pa.Array, values: tuple[pa.Array, pa.Array], examples: int
) -> ColumnChange:
    name, kind = column
    first = (part.slice(0, examples).to_pylist() for part in (ids, *values))
    shown = tuple(Example(sample_id=each, old=old, new=new) for each, old, new in zip(*first, strict=True))
    return ColumnChange(column=name, kind=kind, samples=len(ids), examples=shown)


def _moves(old: Rows, new: Rows, joined: Joined, at: NDArray[np.int64]) -> tuple[Move, ...]:
    ids = new.ids_of(joined.new[at]).to_pylist()
    places = (old.places(joined.old[at]), new.places(joined.new[at]))
    sides = (zip(splits.to_pylist(), slots.to_pylist(), strict=True) for splits, slots in places)
    return tuple(Move(sample_id=each, old=before, new=after) for each, before, after in zip(ids, *sides, strict=True))
