"""What became of samples: tables in memory, compared as those of data sets are."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voxpress.errors import FormatError
from voxpress.store import Locations, rows_schema
from voxpress.store.diff.changes_file import SCHEMA
from voxpress.store.diff.joining import join
from voxpress.store.diff.kinds import column_kinds
from voxpress.store.diff.portions import portions
from voxpress.store.diff.samples import Rows, compare_rows

ARRAYS = {"image": "image", "label": "label"}
TABLE = rows_schema({"age": "number", "sex": "category"}, ["brain_ml"], ARRAYS)
SPLITS = ("train", "test")


def row(number: int, split: str = "train", slot: int | None = None, **changes: object) -> dict[str, object]:
    slot = number if slot is None else slot
    box = [0, 4, 0, 4, 0, number % 4 + 1]
    plain = {
        "sample_id": f"s{number}",
        "index": number,
        "split": split,
        "age": 60.0 + number,
        "sex": "FM"[number % 2],
        "measured_brain_ml": float("nan"),
        "seed": number,
        "attempt": 0,
        "backend": "tests",
        "quality": "PASS",
        **{name: {"path": f"volumes/{split}.zarr/{name}", "index": slot} for name in ARRAYS},
        "image_sha256": f"image {number}",
        "label_sha256": f"label {number}",
        "image_box": box,
        "label_values": [1],
        "label_counts": [number],
        "label_boxes": box,
        "is_synthetic": True,
    }
    assert not changes.keys() - plain.keys()
    return plain | changes


def rows(members: list[dict[str, object]], schema: pa.Schema = TABLE) -> Rows:
    table = pa.Table.from_pylist(members, schema=schema)
    where = Locations(
        splits=SPLITS,
        split=np.array([SPLITS.index(each["split"]) for each in members], dtype=np.int64),
        slot=np.array([each["image"]["index"] for each in members], dtype=np.int64),
    )
    return Rows(schema=schema, arrays=ARRAYS, where=where, read=table.select)


def compared(old: list[dict[str, object]], new: list[dict[str, object]], *, examples: int = 5):
    told: list[pa.Table] = []
    found = compare_rows(rows(old), rows(new), examples=examples, on_changes=told.append)
    return found, pa.concat_tables([SCHEMA.empty_table(), *told]).to_pylist()


def test_the_same_rows_do_not_differ_and_nan_is_nan() -> None:
    members = [row(number) for number in range(5)]
    found, told = compared(members, members)
    assert (found.same, found.columns, found.moves, told) == (5, (), (), [])


def test_added_and_removed() -> None:
    found, told = compared([row(0), row(1, "test", 0)], [row(0), row(2), row(3, "test", 0)])
    assert found.added.to_pylist() == ["s2", "s3"]
    assert found.removed.to_pylist() == ["s1"]
    assert found.same == 1
    assert found.by_split["added"] == {"train": 1, "test": 1}
    assert found.by_split["removed"] == {"train": 0, "test": 1}
    assert [(each["sample_id"], each["change"], each["old_split"], each["new_split"]) for each in told] == [
        ("s1", "removed", "test", None),
        ("s2", "added", None, "train"),
        ("s3", "added", None, "test"),
    ]
    assert [each["new_slot"] for each in told] == [None, 2, 0]


@pytest.mark.parametrize(
    ("column", "kind", "value"),
    [
        ("age", "condition", 61.5),
        ("sex", "condition", "M"),
        ("measured_brain_ml", "measure", 4.0),
        ("image_sha256", "voxels", "other"),
        ("label_sha256", "labels", "other"),
        ("quality", "quality", "FAIL"),
        ("image_box", "extents", [0, 4, 0, 4, 1, 2]),
        ("label_values", "extents", [1, 2]),
        ("label_counts", "extents", None),
        ("seed", "origin", 9),
        ("attempt", "origin", 1),
        ("backend", "origin", "other"),
    ],
)
def test_a_changed_column_has_its_kind_and_both_values(column, kind, value) -> None:
    old = [row(0), row(2), row(4)]
    found, told = compared(old, [row(0), row(2, **{column: value}), row(4)])
    (change,) = found.columns
    assert (change.column, change.kind, change.samples) == (column, kind, 1)
    (example,) = change.examples
    assert (example.sample_id, example.new) == ("s2", value)
    assert example.old == old[1][column] or example.old != example.old
    assert found.changed.to_pylist() == ["s2"]
    assert (len(found.moved), found.same) == (0, 2)
    (line,) = told
    assert (line["change"], line["column"], line["kind"]) == ("changed", column, kind)
    assert (line["old_split"], line["old_slot"], line["new_split"], line["new_slot"]) == ("train", 2, "train", 2)


def test_moved_to_another_split_or_slot_is_no_change() -> None:
    old = [row(0), row(1), row(2, "test", 0)]
    found, told = compared(old, [row(0), row(2, "train", 1), row(1, "test", 0)])
    assert found.moved.to_pylist() == ["s2", "s1"]
    assert len(found.changed) == 0
    assert [(move.sample_id, move.old, move.new) for move in found.moves] == [
        ("s2", ("test", 0), ("train", 1)),
        ("s1", ("train", 1), ("test", 0)),
    ]
    assert [each["change"] for each in told] == ["moved", "moved"]
    assert {change.kind for change in found.columns} == {"place"}
    slot, _ = compared([row(0), row(1)], [row(0), row(1, slot=5)])
    assert slot.moved.to_pylist() == ["s1"]
    assert slot.moves[0].new == ("train", 5)


def test_moved_and_changed_is_both() -> None:
    found, _ = compared([row(0)], [row(0, "test", 0, age=1.0)])
    assert found.moved.to_pylist() == found.changed.to_pylist() == ["s0"]
    assert found.same == 0


def test_columns_of_one_side_or_of_another_type_are_left_to_the_schemas() -> None:
    schema = rows_schema({"age": "category", "height_m": "number"}, ["brain_ml"], ARRAYS)
    new = [row(0) | {"age": "old", "height_m": 1.7}]
    found = compare_rows(rows([row(0)]), rows(new, schema), examples=5)
    assert (found.columns, found.same) == ((), 1)


def test_the_first_few_are_kept() -> None:
    many = [row(number) for number in range(9)]
    found, told = compared(many, [each | {"age": 0.0} for each in many], examples=2)
    assert [each.sample_id for each in found.columns[0].examples] == ["s0", "s1"]
    assert found.columns[0].samples == len(told) == 9


def test_values_are_told_as_text() -> None:
    _, told = compared([row(0)], [row(0, age=0.1, image_box=[1, 2, 3, 4, 5, 6], label_counts=None)])
    assert {each["column"]: (each["old"], each["new"]) for each in told} == {
        "age": ("60", "0.1"),
        "image_box": ("[0, 4, 0, 4, 0, 1]", "[1, 2, 3, 4, 5, 6]"),
        "label_counts": ("[0]", None),
    }


@settings(max_examples=60)
@given(st.data())
def test_every_sample_is_in_one_place(data) -> None:
    """Any two tables in any order, against dictionaries."""

    def table():
        numbers = data.draw(st.lists(st.integers(0, 7), unique=True))
        ages = data.draw(st.lists(st.sampled_from([1.0, 2.0]), min_size=len(numbers), max_size=len(numbers)))
        return {f"s{n}": row(n, slot=place, age=age) for place, (n, age) in enumerate(zip(numbers, ages, strict=True))}

    old, new = table(), table()
    found, _ = compared(list(old.values()), list(new.values()))
    both = [name for name in new if name in old]
    assert found.added.to_pylist() == [name for name in new if name not in old]
    assert found.removed.to_pylist() == [name for name in old if name not in new]
    assert found.changed.to_pylist() == [name for name in both if old[name]["age"] != new[name]["age"]]
    assert found.moved.to_pylist() == [name for name in both if old[name]["image"] != new[name]["image"]]
    assert found.same == sum(
        old[name] == new[name] | {"measured_brain_ml": old[name]["measured_brain_ml"]} for name in both
    )


@pytest.mark.parametrize("ids", [["a", "b", "a"], ["a", None]])
def test_ids_that_do_not_identify_are_refused(ids) -> None:
    good, bad = pa.array(["a"]), pa.array(ids, pa.string())
    for sides in ((good, bad), (bad, good)):
        with pytest.raises(FormatError, match="a sample_id twice, or one is missing"):
            join(*sides)


def test_a_type_that_cannot_be_compared_is_told_of() -> None:
    schema = TABLE.append(pa.field("odd", pa.map_(pa.string(), pa.int64())))
    members = [row(0) | {"odd": [("a", 1)]}]
    with pytest.raises(FormatError, match="column 'odd' is of type map"):
        compare_rows(rows(members, schema), rows(members, schema), examples=1)


def test_every_column_has_a_kind() -> None:
    kinds = column_kinds(TABLE, ARRAYS)
    assert list(kinds) == TABLE.names
    assert [name for name, kind in kinds.items() if kind == "place"] == ["split", "image", "label"]
    assert [name for name, kind in kinds.items() if kind == "condition"] == ["age", "sex"]


def test_portions_hold_each_column_once_and_only_a_single_one_may_be_too_large() -> None:
    fields = [field for field in TABLE if field.name != "sample_id"]
    names = [field.name for field in fields]
    for most in (1, 100, 1000, 10**9):
        groups = portions(fields, 1, most=most)
        assert [name for group in groups for name in group] == names
    assert portions(fields, 1, most=1) == [[name] for name in names]
    assert portions(fields, 1, most=10**9) == [names]
    assert len(portions(fields, 10**6)) > 10
