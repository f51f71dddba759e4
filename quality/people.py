"""Who the real people are that a data set is compared with: columns such as age and sex, as their tables say them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from ..store.sheets import Sheet

__all__ = ["Values", "people_in", "people_table"]

Values: TypeAlias = "tuple[float | str | None, ...]"
"""A column: all numbers, or all words; None where there is no value."""

_OF_FILES: Final = ("path", "image", "label", "subject", "sample_id")
"""Columns that name files and volumes, and say nothing of people."""


def people_in(sheet: Sheet) -> dict[str, Values]:
    """Column → values of what a table says of people, beside the names of files."""
    found: dict[str, Values] = {}
    for name in sheet.columns:
        if name not in _OF_FILES:
            numbers = sheet.numbers(name)
            found[name] = tuple(text or None for text in sheet.column(name)) if numbers is None else numbers
    return found


def people_table(columns: Mapping[str, Values]) -> pa.Table:
    """The same as a table; numbers are float64."""
    import pyarrow as pa

    kinds = {
        name: pa.string() if any(isinstance(value, str) for value in values) else pa.float64()
        for name, values in columns.items()
    }
    return pa.table({name: pa.array(values, kinds[name]) for name, values in columns.items()})
