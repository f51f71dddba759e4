"""Which columns to hold at once: as many as fit, so that files are opened seldom and no table is ever held whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["PORTION_BYTES", "portions"]

PORTION_BYTES: Final = 64 * 2**20
"""Of each table; a single column may be larger."""

_STRING_BYTES = 72
"""A digest, and where it begins; other texts are shorter."""
_LIST_BYTES = 256
"""Boxes and counts of some dozen labels."""


def portions(fields: Iterable[pa.Field], rows: int, *, most: int = PORTION_BYTES) -> list[list[str]]:
    """Names of columns in their order, in groups that take about `most` bytes each.

    Args:
        fields: the columns.
        rows: of the table.
        most: bytes of a group, unless a single column takes more.
    """
    groups: list[list[str]] = []
    held = 0
    for field in fields:
        size = rows * _bytes_of(field.type)
        if not groups or held + size > most:
            groups.append([])
            held = 0
        groups[-1].append(field.name)
        held += size
    return groups


def _bytes_of(type_: pa.DataType) -> int:
    if pa.types.is_struct(type_):
        return sum(_bytes_of(field.type) for field in type_)
    if pa.types.is_list(type_):
        return _LIST_BYTES
    try:
        return max(1, int(type_.bit_width) // 8)
    except ValueError:
        return _STRING_BYTES
