"""Where the voxels of a sample are: boxes and counts, in the table, so that a patch is chosen without decoding.

A box is six numbers, ``x0, x1, y0, y1, z0, z1``, ends excluded, as `Box` has them in pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ..errors import FormatError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .arrays import ArraySpec

__all__ = [
    "ImageBoxes",
    "LabelBoxes",
    "boxes_of",
    "extent_columns",
    "foreground_box",
    "label_extents",
    "sample_extents",
]

_BITS = 64


@dataclass(frozen=True, slots=True)
class ImageBoxes:
    """Foreground of the samples of a table.

    Attributes:
        boxes: ``(rows, 6)``; six zeros where all is background.
    """

    boxes: NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class LabelBoxes:
    """Labels of the samples of a table, in flat arrays: those of row r are ``starts[r]`` up to ``starts[r + 1]``.

    Attributes:
        starts: ``(rows + 1,)``.
        values: ``(labels,)``, ascending in a row, without the background 0.
        counts: ``(labels,)``, voxels of each.
        boxes: ``(labels, 6)``.
    """

    starts: NDArray[np.int64]
    values: NDArray[np.int32]
    counts: NDArray[np.int64]
    boxes: NDArray[np.int16]


def extent_columns(name: str, kind: str) -> dict[str, pa.DataType]:
    """Columns of the table that hold the extents of an array.

    Args:
        name: of the array.
        kind: `image` or `label`.
    """
    if kind == "image":
        return {f"{name}_box": pa.list_(pa.int16())}
    return {
        f"{name}_values": pa.list_(pa.int32()),
        f"{name}_counts": pa.list_(pa.int64()),
        f"{name}_boxes": pa.list_(pa.int16()),
    }


def sample_extents(spec: ArraySpec, voxels: NDArray[Any]) -> dict[str, list[int] | None]:
    """Values of the `extent_columns` of one sample, as plain integers.

    Args:
        spec: of the array.
        voxels: ``(x, y, z)``, stored integers.
    """
    if spec.kind == "image":
        return {f"{spec.name}_box": foreground_box(voxels)}
    values, counts, boxes = label_extents(voxels)
    return {
        f"{spec.name}_values": values.tolist(),
        f"{spec.name}_counts": counts.tolist(),
        f"{spec.name}_boxes": boxes.ravel().tolist(),
    }


def foreground_box(voxels: NDArray[Any]) -> list[int] | None:
    """The smallest box around the voxels that are not 0; None where all are."""
    # an OR over whole planes is what memory bandwidth allows, for signed integers too
    plane = np.bitwise_or.reduce(voxels, axis=0)
    if not plane.any():
        return None
    # only the planes outside of the box and those at its ends are looked at once more
    first = next(x for x in range(len(voxels)) if voxels[x].any())
    end = next(x for x in range(len(voxels), first, -1) if voxels[x - 1].any())
    return [first, end, *_ends(plane.any(axis=1)), *_ends(plane.any(axis=0))]


def label_extents(voxels: NDArray[Any]) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int16]]:
    """Each value that is not 0, ascending, with its number of voxels and its smallest box.

    Args:
        voxels: ``(x, y, z)`` integers of at most 16 bits.

    Returns:
        values ``(n,)``, counts ``(n,)``, boxes ``(n, 6)``.
    """
    around = foreground_box(voxels)
    if around is None:
        return np.empty(0, np.int32), np.empty(0, np.int64), np.empty((0, 6), np.int16)
    x0, x1, y0, y1, z0, z1 = around
    low = min(int(voxels.min()), 0)
    codes = np.ascontiguousarray(voxels[x0:x1, y0:y1, z0:z1])
    if low:
        codes = (codes.astype(np.int32) - low).astype(np.uint16)
    counts = np.bincount(codes.ravel(), minlength=1 - low)
    counts[-low] = 0
    present = np.flatnonzero(counts)
    boxes = [_boxes(codes, present[start : start + _BITS]) for start in range(0, len(present), _BITS)]
    return (
        (present + low).astype(np.int32),
        counts[present],
        np.concatenate(boxes) + np.array([x0, x0, y0, y0, z0, z0], np.int16),
    )


def boxes_of(
    table: pa.Table, name: str, *, shape: tuple[int, int, int] | None = None
) -> ImageBoxes | LabelBoxes | None:
    """The extents of an array in a table, as arrays.

    Args:
        table: of a cohort; its rows in their order.
        name: of the array.
        shape: of a sample, to hold the boxes against.

    Returns:
        None where the table has none, as one of format version 1.

    Raises:
        FormatError: lists of the wrong lengths, or a box that is empty or leaves the sample.
    """
    if set(extent_columns(name, "image")) <= set(table.column_names):
        column = table[f"{name}_box"].combine_chunks()
        boxes = np.zeros((len(column), 6), np.int16)
        there = column.is_valid().to_numpy(zero_copy_only=False)
        _check_lengths(column.filter(there), 6, f"{name}_box")
        boxes[there] = _numbers(column, f"{name}_box").reshape(-1, 6)
        _check_boxes(boxes[there], shape, f"{name}_box")
        return ImageBoxes(boxes)
    columns = list(extent_columns(name, "label"))
    if not set(columns) <= set(table.column_names):
        return None
    lists = [table[column].combine_chunks() for column in columns]
    lengths = lists[0].value_lengths().fill_null(0).to_numpy()
    for column, each, factor in zip(columns, lists, (1, 1, 6), strict=True):
        _check_lengths(each, factor * lengths, column)
    values, counts, boxes = (_numbers(each, column) for each, column in zip(lists, columns, strict=True))
    boxes = boxes.reshape(-1, 6)
    _check_boxes(boxes, shape, columns[2])
    return LabelBoxes(np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]), values, counts, boxes)


def _numbers(column: pa.ListArray, name: str) -> NDArray[Any]:
    numbers = column.flatten()
    if numbers.null_count:
        msg = f"column {name!r} has lists with gaps; get the store again from its source"
        raise FormatError(msg)
    found: NDArray[Any] = numbers.to_numpy()
    return found


def _check_lengths(column: pa.ListArray, expected: Any, name: str) -> None:
    if column.null_count or not (column.value_lengths().to_numpy() == expected).all():
        msg = f"column {name!r} has lists of the wrong length; get the store again from its source"
        raise FormatError(msg)


def _check_boxes(boxes: NDArray[Any], shape: tuple[int, int, int] | None, name: str) -> None:
    low, high = boxes[:, ::2], boxes[:, 1::2]
    if not ((low >= 0) & (low < high)).all() or (shape is not None and not (high <= shape).all()):
        msg = f"column {name!r} has a box that is empty or leaves the sample; get the store again from its source"
        raise FormatError(msg)


def _boxes(codes: NDArray[Any], values: NDArray[np.int64]) -> NDArray[np.int16]:
    """Boxes of at most 64 values: a bit each, so that one pass over the voxels projects them all."""
    width = next(bits for bits in (8, 16, 32, 64) if len(values) <= bits)
    bit = np.zeros(int(codes.max()) + 1, dtype=f"u{width // 8}")
    bit[values] = np.left_shift(1, np.arange(len(values), dtype=bit.dtype), dtype=bit.dtype)
    # no code is out of range, and looking whether one is takes twice as long
    marks = np.take(bit, codes, mode="clip")
    plane = np.bitwise_or.reduce(marks, axis=0)
    projections = (
        np.bitwise_or.reduce(marks.reshape(len(marks), -1), axis=1),
        np.bitwise_or.reduce(plane, axis=1),
        np.bitwise_or.reduce(plane, axis=0),
    )
    ends = [[_ends(seen & one) for seen in projections] for one in bit[values]]
    return np.array(ends, np.int16).reshape(-1, 6)


def _ends(seen: NDArray[Any]) -> tuple[int, int]:
    """The first position that is not 0, and the one after the last."""
    places = np.flatnonzero(seen)
    return int(places[0]), int(places[-1]) + 1
