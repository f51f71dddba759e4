"""Boxes and counts of a sample: held against the plainest way to find them, and read back as they were written."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import tiny_store as tiny
from hypothesis import given, settings
from hypothesis import strategies as st

from voxpress import store
from voxpress.errors import FormatError
from voxpress.store.extents import boxes_of, extent_columns, foreground_box, label_extents, sample_extents


def plain_box(mask: np.ndarray) -> list[int]:
    """By looking for every voxel."""
    return [end for axis in np.nonzero(mask) for end in (axis.min(), axis.max() + 1)]


@st.composite
def volumes(draw: st.DrawFn) -> np.ndarray:
    shape = draw(st.tuples(*[st.integers(1, 12)] * 3))
    dtype = draw(st.sampled_from(["uint8", "uint16", "int16"]))
    limits = np.iinfo(dtype)
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    pool = random.integers(limits.min, limits.max, draw(st.sampled_from([1, 3, 70, 400])), dtype=dtype, endpoint=True)
    return np.where(
        random.random(shape) < draw(st.sampled_from([0, 0.02, 0.5, 1])), random.choice(pool, shape), 0
    ).astype(dtype)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(volumes(), st.booleans())
def test_they_are_what_looking_at_every_voxel_finds(voxels: np.ndarray, turned: bool) -> None:
    voxels = np.asfortranarray(voxels) if turned else voxels
    assert foreground_box(voxels) == (plain_box(voxels != 0) if voxels.any() else None)
    values, counts, boxes = label_extents(voxels)
    expected, numbers = np.unique(voxels[voxels != 0], return_counts=True)
    assert (values.dtype, counts.dtype, boxes.dtype) == (np.int32, np.int64, np.int16)
    assert values.tolist() == expected.tolist()
    assert counts.tolist() == numbers.tolist()
    assert boxes.tolist() == [plain_box(voxels == value) for value in expected]


def test_the_ends_of_the_types() -> None:
    voxels = np.zeros((2, 3, 4), np.int16)
    voxels[0, 0, 0], voxels[1, 2, 3] = -(2**15), 2**15 - 1
    values, counts, boxes = label_extents(voxels)
    assert values.tolist() == [-(2**15), 2**15 - 1]
    assert counts.tolist() == [1, 1]
    assert boxes.tolist() == [[0, 1, 0, 1, 0, 1], [1, 2, 2, 3, 3, 4]]


def test_of_a_sample_as_its_row_has_them() -> None:
    voxels = np.zeros(tiny.SHAPE, np.uint8)
    assert sample_extents(tiny.SPECS["image"], voxels) == {"image_box": None}
    assert sample_extents(tiny.SPECS["label"], voxels) == {"label_values": [], "label_counts": [], "label_boxes": []}
    voxels[3:5, 6, 7] = 2
    assert sample_extents(tiny.SPECS["image"], voxels) == {"image_box": [3, 5, 6, 7, 7, 8]}
    found = sample_extents(tiny.SPECS["label"], voxels)
    assert found == {"label_values": [2], "label_counts": [2], "label_boxes": [3, 5, 6, 7, 7, 8]}
    assert type(found["label_counts"][0]) is int


def test_they_are_read_back_from_a_store(sealed_store) -> None:
    table = store.open(sealed_store).split("validation").select([2, 0]).table
    image, label = (boxes_of(table, name) for name in ("image", "label"))
    for row, index in enumerate(table["index"].to_pylist()):
        arrays = tiny.voxels(index)
        assert image.boxes[row].tolist() == plain_box(arrays["image"] != 0)
        own = slice(label.starts[row], label.starts[row + 1])
        values, counts, boxes = label_extents(arrays["label"])
        assert label.values[own].tolist() == values.tolist() == [1, 2]
        assert label.counts[own].tolist() == counts.tolist()
        assert label.boxes[own].tolist() == boxes.tolist()


def test_rows_without_foreground_are_boxes_of_zeros() -> None:
    table = pa.table({"image_box": pa.array([None, [1, 2, 3, 4, 5, 6], None], pa.list_(pa.int16()))})
    found = boxes_of(table, "image")
    assert found.boxes.tolist() == [[0] * 6, [1, 2, 3, 4, 5, 6], [0] * 6]


@pytest.mark.parametrize("name", ["image", "label"])
def test_a_table_of_format_1_has_none(name: str) -> None:
    assert boxes_of(pa.table({"image": [1]}), name) is None


def lists(column: str, values: list[object]) -> pa.Array:
    columns = extent_columns("image", "image") | extent_columns("label", "label")
    return pa.array(values, columns[column])


GOOD = {"label_values": [[1, 2]], "label_counts": [[5, 6]], "label_boxes": [[0, 1, 0, 1, 0, 1, 2, 3, 2, 3, 2, 3]]}
BAD = {
    "a short box": {"image_box": [[1, 2, 3, 4, 5]]},
    "a box of no voxel": {"image_box": [[1, 1, 3, 4, 5, 6]]},
    "a box before the sample": {"image_box": [[-1, 2, 3, 4, 5, 6]]},
    "a box beyond the sample": {"image_box": [[1, 2, 3, 4, 5, 19]]},
    "a gap": {"image_box": [[1, 2, 3, None, 5, 6]]},
    "fewer counts": {**GOOD, "label_counts": [[5]]},
    "fewer boxes": {**GOOD, "label_boxes": [[0, 1, 0, 1, 0, 1]]},
    "no list": {**GOOD, "label_values": [None], "label_counts": [None], "label_boxes": [None]},
    "a gap in the values": {**GOOD, "label_values": [[None, 2]]},
    "a label beyond the sample": {**GOOD, "label_boxes": [[0, 1, 0, 1, 0, 1, 2, 30, 2, 3, 2, 3]]},
}


@pytest.mark.parametrize("columns", BAD.values(), ids=BAD.keys())
def test_a_table_that_cannot_be_trusted_is_refused(columns: dict[str, list[object]]) -> None:
    table = pa.table({column: lists(column, values) for column, values in columns.items()})
    with pytest.raises(FormatError, match="source"):
        boxes_of(table, "image" if "image_box" in columns else "label", shape=tiny.SHAPE)


def test_empty_tables_have_no_boxes() -> None:
    columns = extent_columns("image", "image") | extent_columns("label", "label")
    table = pa.schema(columns.items()).empty_table()
    assert boxes_of(table, "image").boxes.shape == (0, 6)
    assert boxes_of(table, "label").starts.tolist() == [0]
    assert boxes_of(table, "label").boxes.shape == (0, 6)
