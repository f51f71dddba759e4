"""Which values of two columns differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["differing"]


def differing(old: pa.Array, new: pa.Array) -> NDArray[np.bool_]:
    """Compare two columns value by value.

    A null equals a null and nothing else; NaN equals NaN; numbers are equal without any tolerance, and 0.0 equals -0.0.
    Lists are equal if they have the same length and values, structs if all their fields are equal.

    Args:
        old: one column.
        new: another of the same type and length.

    Returns:
        (n,) true where they differ.
    """
    if pa.types.is_list(old.type):
        return _lists(old, new)
    if pa.types.is_struct(old.type):
        return _structs(old, new)
    unequal = pc.not_equal(old, new)
    if pa.types.is_floating(old.type):
        unequal = pc.and_not(unequal, pc.and_(pc.is_nan(old), pc.is_nan(new)))
    # where one of them is null, the comparison is null too
    found: NDArray[np.bool_] = _bools(pc.fill_null(unequal, False)) | (_nulls(old) != _nulls(new))  # noqa: FBT003
    return found


def _lists(old: pa.ListArray, new: pa.ListArray) -> NDArray[np.bool_]:
    lengths, others = _lengths(old), _lengths(new)
    unequal: NDArray[np.bool_] = lengths != others
    alike = ~unequal & (lengths > 0)
    kept = pa.array(alike)
    owners = np.repeat(np.flatnonzero(alike), lengths[alike])
    unequal[owners[differing(old.filter(kept).flatten(), new.filter(kept).flatten())]] = True
    return unequal


def _structs(old: pa.StructArray, new: pa.StructArray) -> NDArray[np.bool_]:
    unequal: NDArray[np.bool_] = _nulls(old) != _nulls(new)
    for number in range(old.type.num_fields):
        unequal |= differing(pc.struct_field(old, number), pc.struct_field(new, number))
    return unequal


def _lengths(lists: pa.ListArray) -> NDArray[np.int64]:
    """Of each list; -1 for a null, which is not an empty one."""
    lengths: NDArray[np.int64] = pc.fill_null(pc.list_value_length(lists), -1).to_numpy().astype(np.int64)
    return lengths


def _nulls(values: pa.Array) -> NDArray[np.bool_]:
    return _bools(pc.is_null(values))


def _bools(values: Any) -> NDArray[np.bool_]:
    return np.asarray(values.to_numpy(zero_copy_only=False), dtype=np.bool_)
