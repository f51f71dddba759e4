"""The Parquet files: one row a sample, one row group a shard, plain columns that need no voxpress to read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ..errors import FormatError
from .extents import extent_columns
from .files import FileRecord, write_atomic
from .layout import metadata_path
from .manifest_json import format_version_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

__all__ = [
    "ARRAY_COLUMN",
    "MEASURED",
    "check_rows_schema",
    "condition_columns",
    "rows_schema",
    "schema_metadata",
    "write_rows",
    "write_table",
]

ARRAY_COLUMN = pa.struct([("path", pa.string()), ("index", pa.int64())])
"""Type of the column of an array: its folder in the store, and the sample's slot in it."""

MEASURED = "measured_"
"""What the name of a measure's column begins with."""

_MOST_TABLE_FILES = 128
"""Of a split: enough for as many readers, and a number that common world sizes divide."""

_BOOKKEEPING = frozenset({"sample_id", "index", "split", "seed", "attempt", "backend", "quality", "is_synthetic"})


def schema_metadata(*, synthetic: bool) -> dict[str, str]:
    """What each Parquet file says of itself."""
    version = format_version_of(synthetic=synthetic)
    return {"synthetic": "true" if synthetic else "false", "voxpress_format": str(version)}


def rows_schema(
    conditions: Mapping[str, str], measured: Sequence[str], arrays: Mapping[str, str], *, synthetic: bool = True
) -> pa.Schema:
    """Columns of a data set in their order on disk.

    Args:
        conditions: name → `number` (float64) or `category` (string).
        measured: names without the prefix `measured_`.
        arrays: name → kind (`image` or `label`), `image` first.
        synthetic: whether no sample shows a real person.

    Raises:
        FormatError: two columns have the same name.
    """
    kinds = {"number": pa.float64(), "category": pa.string()}
    fields: list[tuple[str, Any]] = [
        ("sample_id", pa.string()),
        ("index", pa.int64()),
        ("split", pa.string()),
        *((name, kinds[kind]) for name, kind in conditions.items()),
        *((f"{MEASURED}{name}", pa.float64()) for name in measured),
        ("seed", pa.int64()),
        ("attempt", pa.int32()),
        ("backend", pa.string()),
        ("quality", pa.string()),
        *((name, ARRAY_COLUMN) for name in arrays),
        *((f"{name}_sha256", pa.string()) for name in arrays),
        *(column for name, kind in arrays.items() for column in extent_columns(name, kind).items()),
        ("is_synthetic", pa.bool_()),
    ]
    names = [name for name, _ in fields]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        msg = f"the table would have two columns named {', '.join(twice)}; rename the condition"
        raise FormatError(msg)
    return pa.schema(fields, metadata=schema_metadata(synthetic=synthetic))


def condition_columns(schema: pa.Schema, arrays: Iterable[str]) -> tuple[str, ...]:
    """The columns that say what was ordered: all that are not of `rows_schema` itself, in their order.

    Args:
        schema: of a table.
        arrays: names of the arrays.
    """
    known = _BOOKKEEPING | {column for name in arrays for column in (name, f"{name}_sha256")}
    return tuple(
        field.name
        for field in schema
        # a condition is a number or a word, so lists are extents
        if field.name not in known and not field.name.startswith(MEASURED) and not pa.types.is_list(field.type)
    )


def write_rows(path: Path, groups: Sequence[pa.Table], *, scratch: Path, synthetic: bool = True) -> FileRecord:
    """Write one Parquet file.

    Args:
        path: final name.
        groups: rows of one shard each, all with the same columns; a shard of holes is a table without rows.
        scratch: as in `write_atomic`.
        synthetic: whether no sample shows a real person.

    Returns:
        size and digest for the manifest.

    Raises:
        FormatError: no group at all, or groups whose columns differ.
    """
    import pyarrow.parquet as pq

    if not groups or any(group.schema != groups[0].schema for group in groups):
        msg = f"{path.name} needs at least one group of rows, all with the same columns"
        raise FormatError(msg)
    schema = groups[0].schema.with_metadata(schema_metadata(synthetic=synthetic))
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, schema, compression="zstd", write_page_index=True) as writer:
        for group in groups:
            writer.write_table(group.cast(schema), row_group_size=max(group.num_rows, 1))
    return write_atomic(path, sink.getvalue().to_pybytes(), scratch=scratch)


def write_table(
    root: Path, split: str, groups: Sequence[pa.Table], *, scratch: Path, synthetic: bool = True
) -> dict[str, FileRecord]:
    """Write the Parquet files of a split: as many as can be filled evenly.

    Args:
        root: folder of the store.
        split: its name.
        groups: rows of one shard each, as for `write_rows`.
        scratch: as in `write_atomic`.
        synthetic: whether no sample shows a real person.

    Returns:
        path in the store → size and digest.
    """
    count = min(len(groups), _MOST_TABLE_FILES)
    bounds = [len(groups) * number // count for number in range(count + 1)]
    paths = [metadata_path(split, number, count) for number in range(count)]
    return {
        path: write_rows(root / path, groups[start:stop], scratch=scratch, synthetic=synthetic)
        for path, start, stop in zip(paths, bounds[:-1], bounds[1:], strict=True)
    }


def check_rows_schema(schema: pa.Schema, arrays: Mapping[str, str], where: str, *, extents: bool) -> None:
    """Check that a file has the columns that reading needs.

    Args:
        schema: of the file.
        arrays: name → kind.
        where: the file, for messages.
        extents: whether it must have those of the extents too, as from format version 2 on.

    Raises:
        FormatError: one is missing or of another type.
    """
    needed = {"sample_id": pa.string(), "split": pa.string(), **dict.fromkeys(arrays, ARRAY_COLUMN)}
    if extents:
        needed |= {
            column: type_ for name, kind in arrays.items() for column, type_ in extent_columns(name, kind).items()
        }
    for name, kind in needed.items():
        found = schema.field(name).type if schema.names.count(name) == 1 else "nothing"
        if found != kind:
            msg = f"{where} must have one column {name!r} of type {kind}, got {found}; get it again from its source"
            raise FormatError(msg)
