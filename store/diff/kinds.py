"""What a column of the table is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from ..rows import ARRAY_COLUMN, MEASURED, condition_columns

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PLACE", "column_kinds"]

PLACE = "place"


def column_kinds(schema: pa.Schema, arrays: Mapping[str, str]) -> dict[str, str]:
    """What each column is about.

    Args:
        schema: of the table.
        arrays: name → kind.

    Returns:
        column → `condition`, `measure`, `voxels` (digest of an image), `labels` (digest of a label map), `quality`,
        `extents`, `place` (split and slot), or `origin` (what the sample was made from).
    """
    conditions = set(condition_columns(schema, arrays))
    digests = {f"{name}_sha256": "labels" if kind == "label" else "voxels" for name, kind in arrays.items()}
    kinds = {}
    for field in schema:
        if field.name in digests:
            kind = digests[field.name]
        elif field.name == "split" or (field.name in arrays and field.type == ARRAY_COLUMN):
            kind = PLACE
        elif field.name == "quality":
            kind = "quality"
        elif field.name in conditions:
            kind = "condition"
        elif field.name.startswith(MEASURED):
            kind = "measure"
        elif pa.types.is_list(field.type):
            kind = "extents"
        else:
            kind = "origin"
        kinds[field.name] = kind
    return kinds
