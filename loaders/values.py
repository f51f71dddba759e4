"""The columns of a table as what goes into items and batches."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
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
    def _texts(self) -> Mapping[str, Any]:
        return {field.name: _one(self._table[field.name]) for field in self._table.schema if _is_text(field.type)}

    def row(self, row: int) -> dict[str, Any]:
        """One row as Python values."""
        return {
            name: self.numbers[name][row].item() if name in self.numbers else self._text(name, row)
            for name in self._names
        }

    def rows(self, rows: NDArray[np.int64]) -> dict[str, Any]:
        """Some rows: numbers as tensors (k,), strings as lists, as torch would collate them."""
        return {
            name: torch.from_numpy(self.numbers[name][rows])
            if name in self.numbers
            else [self._text(name, row) for row in rows.tolist()]
            for name in self._names
        }

    def _text(self, name: str, row: int) -> str:
        return self._texts[name][row].as_py() or ""


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind))


def _numbers(column: pa.ChunkedArray) -> NDArray[Any]:
    return np.asarray(column.to_numpy())


def _one(column: pa.ChunkedArray) -> Any:
    return column.chunk(0) if column.num_chunks == 1 else column
