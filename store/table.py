"""The table of a store, read from its Parquet files and held against the manifest."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..errors import FormatError
from .files import check_record
from .layout import array_path
from .rows import check_rows_schema

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .manifest import Manifest
    from .sources import Source

__all__ = ["load_schema", "load_table"]

_MOST_PARQUET_BYTES = 2 * 2**30
_REQUESTS: Final = 16
"""Files that are fetched at once."""


def load_table(source: Source, manifest: Manifest, *, columns: Sequence[str] | None = None) -> pa.Table:
    """Read all rows: splits in the manifest's order, in each the slots in order.

    Args:
        source: where the Parquet files are.
        manifest: what they should be.
        columns: read only these, and hold only what they need against the manifest.

    Raises:
        CorruptError: a file is missing or differs from the manifest.
        FormatError: the rows contradict the manifest.
    """
    files = [(split, file) for split in manifest.split_names for file in manifest.metadata_files(split)]
    if not files:
        msg = f"the store {source.url} has no rows: its manifest lists no Parquet file; get it again from its source"
        raise FormatError(msg)
    load = partial(_load_file, source, manifest, columns)
    if source.remote:
        with ThreadPoolExecutor(min(_REQUESTS, len(files))) as pool:
            loaded = list(pool.map(load, files))
    else:
        loaded = [load(file) for file in files]
    try:
        table = pa.concat_tables(loaded)
    except pa.ArrowException as error:
        msg = f"the Parquet files of {source.url} have different columns ({error}); get the store again from its source"
        raise FormatError(msg) from error
    _check_rows(files, loaded, manifest)
    if columns is None:
        _check_table(table, source, manifest)
    return table


def load_schema(source: Source, manifest: Manifest) -> pa.Schema:
    """Columns of the table, from its first file; raises as `load_table` does."""
    import pyarrow.parquet as pq

    first = next(file for split in manifest.split_names for file in manifest.metadata_files(split))
    return pq.read_schema(pa.BufferReader(_read(source, manifest, first))).remove_metadata()


def _load_file(
    source: Source, manifest: Manifest, columns: Sequence[str] | None, split_and_file: tuple[str, str]
) -> pa.Table:
    import pyarrow.parquet as pq

    split, relative = split_and_file
    data = _read(source, manifest, relative)
    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        # before its columns are decoded: a small file can unfold into any number of rows
        if file.metadata.num_rows > manifest.splits[split].samples:
            msg = f"{relative} has more rows than the manifest says; get the store again from its source"
            raise FormatError(msg)
        kinds = {name: spec.kind for name, spec in manifest.specs.items()}
        check_rows_schema(file.schema_arrow, kinds, relative, extents=manifest.format_version > 1)
        return file.read(columns=None if columns is None else list(columns)).replace_schema_metadata(None)
    except (pa.ArrowException, OSError) as error:
        msg = f"{relative} is not a Parquet file that can be read ({str(error)[:200]}); get it again from its source"
        raise FormatError(msg) from error


def _read(source: Source, manifest: Manifest, relative: str) -> bytes:
    data = source.read_all(relative, most=min(_MOST_PARQUET_BYTES, manifest.files[relative].bytes))
    check_record(data, relative, manifest.files[relative])
    return data


def _check_rows(files: Sequence[tuple[str, str]], loaded: Sequence[pa.Table], manifest: Manifest) -> None:
    for split, record in manifest.splits.items():
        found = sum(table.num_rows for (other, _), table in zip(files, loaded, strict=True) if other == split)
        if found != record.samples:
            msg = (
                f"the Parquet files of split {split!r} have {found} rows, the manifest says {record.samples}; "
                "get the store again from its source"
            )
            raise FormatError(msg)


def _check_table(table: pa.Table, source: Source, manifest: Manifest) -> None:
    if pc.count_distinct(table["sample_id"], mode="all").as_py() != table.num_rows:
        msg = f"the table of {source.url} has a sample_id twice, or one is missing; get the store again from its source"
        raise FormatError(msg)
    if "is_synthetic" in table.column_names:
        told = set(pc.unique(table["is_synthetic"]).to_pylist())
        if not told <= {manifest.synthetic}:
            msg = (
                f"column 'is_synthetic' of {source.url} must be {manifest.synthetic} in every row, as the manifest "
                f"says, got {sorted(map(str, told))}; do not trust this store: get it again from its source"
            )
            raise FormatError(msg)
    first = 0
    for split in manifest.split_names:
        samples = manifest.splits[split].samples
        _check_split(table.slice(first, samples), manifest, split)
        first += samples


def _check_split(table: pa.Table, manifest: Manifest, split: str) -> None:
    slots = manifest.sample_slots(split)
    if pc.unique(table["split"]).to_pylist() not in ([split], []):
        msg = f"the Parquet files of split {split!r} hold rows of another; get the store again from its source"
        raise FormatError(msg)
    for name in manifest.specs:
        column = table[name].combine_chunks()
        expected = array_path(split, name)
        paths = pc.unique(pc.struct_field(column, "path")).to_pylist()
        if paths not in ([expected], []):
            msg = f"column {name!r} must name {expected!r}, got {str(paths)[:200]}; do not trust this store"
            raise FormatError(msg)
        found = pc.struct_field(column, "index")
        if found.null_count or not np.array_equal(found.to_numpy(), slots):
            msg = (
                f"column {name!r} of split {split!r} must name its {len(slots)} slots that are not holes, in order; "
                "get the store again from its source"
            )
            raise FormatError(msg)
