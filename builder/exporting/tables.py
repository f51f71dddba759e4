"""The tables beside exported volumes. Pure: columns in, bytes out."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ...store.rows import schema_metadata

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ...store import Cohort

__all__ = ["parquet_bytes", "table_columns", "text_bytes"]


def table_columns(cohort: Cohort) -> pa.Table:
    """Id, split, conditions, measures and mark of each row."""
    names = ["sample_id", "split", *cohort.conditions, *cohort.measures]
    table = cohort.columns(names)
    return table.append_column("is_synthetic", pa.array([cohort.manifest.synthetic] * table.num_rows, pa.bool_()))


def parquet_bytes(table: pa.Table, *, synthetic: bool) -> bytes:
    """The table as Parquet, which keeps its types."""
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    mark = {"synthetic": schema_metadata(synthetic=synthetic)["synthetic"]}
    pq.write_table(table.replace_schema_metadata(mark), sink, compression="zstd")
    data: bytes = sink.getvalue().to_pybytes()
    return data


def text_bytes(columns: Mapping[str, Sequence[Any]], *, delimiter: str, missing: str) -> bytes:
    """The table as text; floats in the fewest digits that give the same float64.

    Args:
        columns: name → its values.
        delimiter: between cells.
        missing: what a cell without a value holds.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(columns)
    for row in zip(*columns.values(), strict=True):
        writer.writerow([missing if value is None else _spelled(value) for value in row])
    return text.getvalue().encode()


def _spelled(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
