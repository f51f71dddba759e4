"""The table of a store, read from its Parquet files and held against the manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..errors import FormatError
from .files import read_whole
from .layout import array_path, safe_path
from .rows import check_rows_schema

if TYPE_CHECKING:
    from pathlib import Path

    from .manifest import Manifest

__all__ = ["load_table"]

_MOST_PARQUET_BYTES = 2 * 2**30


def load_table(root: Path, manifest: Manifest) -> pa.Table:
    """Read all rows: splits in the manifest's order, in each the slots in order.

    Raises:
        CorruptError: a file is missing or differs from the manifest.
        FormatError: the rows contradict the manifest.
    """
    tables = [_load_split(root, manifest, split) for split in manifest.split_names if manifest.metadata_files(split)]
    if not tables:
        msg = f"the store {root} has no rows: its manifest lists no Parquet file; get it again from its source"
        raise FormatError(msg)
    try:
        table = pa.concat_tables(tables).combine_chunks()
    except pa.ArrowException as error:
        msg = f"the splits of {root} have different columns ({error}); get the store again from its source"
        raise FormatError(msg) from error
    if pc.count_distinct(table["sample_id"], mode="all").as_py() != table.num_rows:
        msg = f"the table of {root} has a sample_id twice, or a row without one; get the store again from its source"
        raise FormatError(msg)
    return table


def _load_split(root: Path, manifest: Manifest, split: str) -> pa.Table:
    files = manifest.metadata_files(split)
    room = manifest.splits[split].samples
    tables = []
    for relative in files:
        tables.append(_load_file(root, manifest, relative, room))
        room -= tables[-1].num_rows
    try:
        table = pa.concat_tables(tables)
    except pa.ArrowException as error:
        msg = f"the files of split {split!r} have different columns ({error}); get the store again from its source"
        raise FormatError(msg) from error
    _check_split(table, manifest, split)
    return table


def _load_file(root: Path, manifest: Manifest, relative: str, room: int) -> pa.Table:
    import pyarrow.parquet as pq

    record = manifest.files[relative]
    data = read_whole(safe_path(root, relative), relative, most=_MOST_PARQUET_BYTES, record=record)
    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        # before its columns are decoded: a small file can unfold into any number of rows
        if file.metadata.num_rows > room:
            msg = f"{relative} has more rows than the manifest says; get the store again from its source"
            raise FormatError(msg)
        check_rows_schema(file.schema_arrow, list(manifest.specs), relative)
        return file.read().replace_schema_metadata(None)
    except (pa.ArrowException, OSError) as error:
        msg = f"{relative} is not a Parquet file that can be read ({str(error)[:200]}); get it again from its source"
        raise FormatError(msg) from error


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
