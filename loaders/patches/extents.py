"""The columns that say where a sample's foreground and labels are, as flat arrays: no Python object a row.

`store.extents` makes them. They come from a data set that somebody else may have made, so nothing is believed: a box
that leaves the volume would send a reader to voxels that do not exist.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from ...store.arrays import ArraySpec
    from .boxes import Shape

__all__ = ["first_image", "foreground_boxes", "foreground_column", "label_boxes", "label_columns"]


def first_image(specs: Mapping[str, ArraySpec]) -> str | None:
    """Name of the first array of kind image, if there is one."""
    return next((name for name, spec in specs.items() if spec.kind == "image"), None)


def foreground_column(array: str, specs: Mapping[str, ArraySpec]) -> str:
    """Column with the foreground of an image.

    Raises:
        ValueError: there is no such image.
    """
    if array not in specs or specs[array].kind != "image":
        have = ", ".join(name for name, spec in specs.items() if spec.kind == "image") or "none"
        msg = f"the data set has no image {array!r}; it has {have}"
        raise ValueError(msg)
    return f"{array}_box"


def label_columns(array: str, *, counts: bool) -> tuple[str, ...]:
    """Columns with the labels of an array.

    Args:
        array: of kind label.
        counts: those of the counts too.
    """
    return (f"{array}_values", f"{array}_boxes", *((f"{array}_counts",) if counts else ()))


def foreground_boxes(table: pa.Table, array: str, specs: Mapping[str, ArraySpec], shape: Shape) -> NDArray[np.int16]:
    """The foreground of an image in each row.

    Args:
        table: with the column of `foreground_column`.
        array: the image.
        specs: arrays of the data set.
        shape: voxels of the volumes that patches are cut from.

    Returns:
        (rows, 6), ``x0, x1, y0, y1, z0, z1``; zeros where all is background.

    Raises:
        FormatError: the column is missing or holds what cannot be.
        ValueError: there is no such image, or it has another shape.
    """
    column = foreground_column(array, specs)
    _check_shape(specs[array], shape)
    _check_columns(table, (column,))
    found = np.zeros((table.num_rows, 6), np.int16)
    first = 0
    for batch in table.select([column]).to_batches():
        lengths, boxes = _lists(batch.column(0))
        if not np.isin(lengths, (0, 6)).all():
            raise _nonsense(column)
        found[first + np.flatnonzero(lengths)] = _checked(boxes, shape, column)
        first += len(lengths)
    return found


def label_boxes(
    table: pa.Table, spec: ArraySpec, values: Sequence[int], shape: Shape, *, counts: bool
) -> tuple[NDArray[np.int16], NDArray[np.int64] | None, NDArray[np.int64] | None]:
    """Where some labels are in each row. Memory is that of these labels, however many others a sample has.

    Args:
        table: with the columns of `label_columns`.
        spec: of the label array.
        values: of the labels, without 0.
        shape: voxels of the volumes that patches are cut from.
        counts: read the counts too.

    Returns:
        boxes (rows, values, 6), zeros where a sample does not have the label; voxels (rows, values) of each, and
        (rows,) of all labels together, both None unless asked for.

    Raises:
        FormatError: a column is missing or holds what cannot be.
        ValueError: the array has another shape than the volumes.
    """
    _check_shape(spec, shape)
    names = label_columns(spec.name, counts=counts)
    _check_columns(table, names)
    found = np.zeros((table.num_rows, len(values), 6), np.int16)
    voxels = np.zeros((table.num_rows, len(values)), np.int64) if counts else None
    labelled = np.zeros(table.num_rows, np.int64) if counts else None
    first = 0
    for batch in table.select(names).to_batches():
        lengths, present = _lists(batch.column(0))
        six, flat = _lists(batch.column(1))
        if not np.array_equal(six, 6 * lengths):
            raise _nonsense(names[1])
        boxes = _checked(flat, shape, names[1])
        rows = first + np.repeat(np.arange(len(lengths)), lengths)
        places = [np.flatnonzero(present == value) for value in values]
        for number, place in enumerate(places):
            found[rows[place], number] = boxes[place]
        if voxels is not None and labelled is not None:
            each, number_of = _lists(batch.column(2))
            if not np.array_equal(each, lengths) or (number_of < 1).any():
                raise _nonsense(names[2])
            np.add.at(labelled, rows, number_of)
            for number, place in enumerate(places):
                voxels[rows[place], number] = number_of[place]
        first += len(lengths)
    if labelled is not None and (labelled > np.prod(shape, dtype=np.int64)).any():
        raise _nonsense(names[2])
    return found, voxels, labelled


def _lists(column: Any) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Length of each list, a missing one being empty, and all their numbers in one array."""
    lengths = column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    return lengths, column.flatten().to_numpy(zero_copy_only=False)


def _checked(flat: NDArray[Any], shape: Shape, column: str) -> NDArray[Any]:
    """Numbers as (boxes, 6), each box not empty and in the volume."""
    boxes = flat.reshape(-1, 6)
    starts, stops = boxes[:, 0::2], boxes[:, 1::2]
    if not ((starts >= 0) & (starts < stops) & (stops <= np.array(shape))).all():
        raise _nonsense(column)
    return boxes


def _check_shape(spec: ArraySpec, shape: Shape) -> None:
    if tuple(spec.shape) != tuple(shape):
        msg = f"patches of volumes of {tuple(shape)} voxels cannot follow array {spec.name!r}, which has {spec.shape}"
        raise ValueError(msg)


def _check_columns(table: pa.Table, names: Sequence[str]) -> None:
    import pyarrow as pa

    missing = [name for name in names if name not in table.column_names]
    if missing:
        msg = (
            f"the table has no column {', '.join(missing)}, from which patches would be placed: the data set is of "
            "format version 1; `voxpress recode SOURCE TARGET` makes a copy that has it, or choose Uniform()"
        )
        raise FormatError(msg)
    for name in names:
        kind = table.schema.field(name).type
        if not pa.types.is_list(kind) or not pa.types.is_integer(kind.value_type):
            msg = f"column {name} must be lists of integers, got {kind}; get the table again from its source"
            raise FormatError(msg)


def _nonsense(column: str) -> FormatError:
    msg = f"column {column} holds boxes or counts that no volume can have; get the table again from its source"
    return FormatError(msg)
