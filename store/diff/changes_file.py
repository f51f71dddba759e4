"""All that differs between two tables, one row a sample and column, as Parquet that is written piece by piece."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow.parquet as pq

    Places = tuple[pa.Array, pa.Array]
    """Split and slot of each sample."""

__all__ = ["SCHEMA", "ChangesFile", "changes_table"]

SCHEMA = pa.schema(
    [
        ("sample_id", pa.string()),
        ("change", pa.string()),
        ("column", pa.string()),
        ("kind", pa.string()),
        ("old", pa.string()),
        ("new", pa.string()),
        ("old_split", pa.string()),
        ("old_slot", pa.int64()),
        ("new_split", pa.string()),
        ("new_slot", pa.int64()),
    ]
)
"""`change` is `added`, `removed`, `moved` or `changed`; only the last has a column with its two values, as text."""


def changes_table(
    change: str,
    ids: pa.Array,
    *,
    old: Places | None = None,
    new: Places | None = None,
    column: tuple[str, str] | None = None,
    values: tuple[pa.Array, pa.Array] | None = None,
) -> pa.Table:
    """Rows of `SCHEMA`.

    Args:
        change: the same for all.
        ids: of the samples.
        old: where they are in the old data set, if they are there.
        new: where they are in the new one, if they are there.
        column: name and kind of what changed.
        values: what it is in each data set.
    """
    known: dict[str, Any] = {"sample_id": ids, "change": pa.repeat(change, len(ids))}
    if old:
        known |= {"old_split": old[0], "old_slot": old[1]}
    if new:
        known |= {"new_split": new[0], "new_slot": new[1]}
    if column and values:
        known |= {name: pa.repeat(text, len(ids)) for name, text in zip(("column", "kind"), column, strict=True)}
        known |= {name: _as_text(each) for name, each in zip(("old", "new"), values, strict=True)}
    columns = [known.get(field.name, pa.nulls(len(ids), field.type)) for field in SCHEMA]
    return pa.table(columns, schema=SCHEMA)


class ChangesFile:
    """Writes rows of `SCHEMA` as they come. Use as a context manager: the file is there once all of it is.

    Args:
        path: of the Parquet file; one that is there is replaced.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._temporary = path, path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        self._writer: pq.ParquetWriter | None = None

    def __enter__(self) -> Self:
        import pyarrow.parquet as pq

        self._writer = pq.ParquetWriter(self._temporary, SCHEMA, compression="zstd")
        return self

    def add(self, rows: pa.Table) -> None:
        """Writes some rows."""
        assert self._writer is not None
        if rows.num_rows:
            self._writer.write_table(rows)

    def __exit__(self, error: object, *_: object) -> None:
        assert self._writer is not None
        self._writer.close()
        if error is None:
            self._temporary.replace(self._path)
        else:
            self._temporary.unlink(missing_ok=True)


def _as_text(values: pa.Array) -> pa.Array:
    if pa.types.is_nested(values.type):
        return pa.array([None if each is None else json.dumps(each) for each in values.to_pylist()], pa.string())
    return pc.cast(values, pa.string())
