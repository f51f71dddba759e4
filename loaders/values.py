"""The columns of a table as what goes into items and batches."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["Values"]


class Values:
    """Values of rows; a missing one becomes NaN or "", as collating knows no None.

    Numbers are arrays and strings stay in Arrow's memory, so that ten million rows are no ten million Python objects.

    Args:
        table: columns of numbers and of strings.
    """

    def __init__(self, table: pa.Table) -> None:
        self._table = table.combine_chunks()
        self._names: list[str] = table.column_names

    @cached_property
    def numbers(self) -> Mapping[str, NDArray[Any]]:
        """Columns that are no strings."""
        columns = self._table.schema
        return {field.name: _numbers(self._table[field.name]) for field in columns if not _is_text(field.type)}

    @cached_property
    def _texts(self) -> Mapping[str, _Texts]:
        return {field.name: _Texts(self._table[field.name]) for field in self._table.schema if _is_text(field.type)}

    def row(self, row: int) -> dict[str, Any]:
        """One row as Python values."""
        return {
            name: self.numbers[name][row].item() if name in self.numbers else self._texts[name][row]
            for name in self._names
        }

    def rows(self, rows: NDArray[np.int64]) -> dict[str, Any]:
        """Some rows: numbers as tensors (k,), strings as lists, as torch would collate them."""
        places = rows.tolist()
        return {
            name: torch.from_numpy(self.numbers[name][rows])
            if name in self.numbers
            else [*map(self._texts[name].__getitem__, places)]
            for name in self._names
        }


class _Texts:
    """Strings of some rows, straight from Arrow's memory: making a scalar of each takes ten times as long."""

    def __init__(self, column: pa.ChunkedArray) -> None:
        # where 32 bits are too few for the offsets, Arrow needs several chunks
        whole = column.chunk(0) if column.num_chunks == 1 else column.cast(pa.large_string()).combine_chunks()
        texts = pc.fill_null(whole, "")
        _, offsets, data = texts.buffers()
        width = np.int32 if pa.types.is_string(texts.type) else np.int64
        self._offsets = np.frombuffer(offsets or b"", width)[texts.offset :].data
        self._data = memoryview(data or b"")

    def __getitem__(self, row: int) -> str:
        return str(self._data[self._offsets[row] : self._offsets[row + 1]], "utf-8")


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind))


def _numbers(column: pa.ChunkedArray) -> NDArray[Any]:
    return np.asarray(column.to_numpy())
