"""Back from lazy volumes to plain references."""

from __future__ import annotations

from typing import Any, TypeVar

__all__ = ["detach"]

D = TypeVar("D")


def detach(rows: D) -> D:
    """The same rows with plain ``{path, index}`` columns: call it before `save_to_disk`, `to_parquet` or `push_to_hub`.

    What is saved then opens without voxpress. Nothing is read.

    Args:
        rows: a data set of `datasets`, or a dictionary of them, from `load_dataset`, as it is or after `map`, `filter`
            and the like.
    """
    from .volume import REFERENCE, Volume

    if isinstance(rows, dict):
        return type(rows)({split: detach(part) for split, part in rows.items()})
    detached: Any = rows
    for column, feature in dict(detached.features or {}).items():
        if isinstance(feature, Volume):
            detached = detached.cast_column(column, REFERENCE)
    return detached  # type: ignore[no-any-return]
