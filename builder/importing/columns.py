"""The conditions of imported samples: columns of a table, each all numbers or all words. Pure."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final

from ...errors import FormatError
from ...store.rows import MEASURED
from ...store.sheets import as_number

if TYPE_CHECKING:
    from ...store.sheets import Sheet
    from .order import ImportOrder

__all__ = ["Column", "conditions_of", "left_out_columns"]

Column = tuple[str, tuple[float | str | None, ...]]
"""`number` or `category`, and one value a row of the table; None for a cell without a value."""

_OWN: Final = frozenset(
    {"sample_id", "index", "split", "seed", "attempt", "backend", "quality", "is_synthetic", "image", "label"}
)
"""Columns that every data set has; an import makes its own."""

_NAME: Final = r"[A-Za-z][A-Za-z0-9_]{0,63}"


def conditions_of(sheet: Sheet, order: ImportOrder) -> dict[str, Column]:
    """Condition or measure → its values.

    A column whose cells are all numbers becomes numbers, any other words; of Parquet, a column of texts stays words.

    Args:
        sheet: the table.
        order: says which columns; all where it says nothing, but for `left_out_columns`.

    Raises:
        FormatError: a column is not there, has a name that no expression could use or that is the format's own, or is a
            measure that is no number.
    """
    wanted = order.columns
    if wanted is None:
        wanted = {name: name for name in sheet.columns if name not in left_out_columns(sheet, order)}
    if strange := [name for name in wanted if not re.fullmatch(_NAME, name, flags=re.ASCII)]:
        msg = (
            f"{sheet.source} has the column {strange[0]!r}, which no expression could name; choose columns, and rename "
            f"this one: --columns 'new_name={strange[0]}'"
        )
        raise FormatError(msg)
    if own := [name for name in wanted if name in _OWN]:
        msg = f"a condition cannot be called {own[0]!r}, as every data set has such a column; rename it by --columns"
        raise FormatError(msg)
    return {name: _typed(name, column, sheet) for name, column in wanted.items()}


def left_out_columns(sheet: Sheet, order: ImportOrder) -> list[str]:
    """Columns that are no conditions, unless they are asked for by name."""
    used = {order.key, order.split if "=" not in order.split else ""}
    return [name for name in sheet.columns if name in used | _OWN]


def _typed(name: str, column: str, sheet: Sheet) -> Column:
    if (numbers := sheet.numbers(column)) is not None:
        return "number", numbers
    texts = sheet.column(column)
    if name.startswith(MEASURED):
        wrong = next((text for text in texts if text and math.isnan(as_number(text))), texts[0])
        msg = f"{sheet.source}: {name!r} is a measure, so each cell must be a number, got {wrong!r}; mend or rename it"
        raise FormatError(msg)
    return "category", tuple(text or None for text in texts)
