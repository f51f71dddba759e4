from __future__ import annotations

import multiprocessing
import pickle
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import tiny_store as tiny

from voxpress import store
from voxpress.errors import CorruptError, FormatError, QueryError, StoreNotFoundError

INDICES = [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12]
"""Index in the cohort of each row: slot 5 of train is a hole."""


@pytest.fixture(scope="module")
def cohort(sealed_store) -> store.Cohort:
    return store.open(sealed_store)


def indices(cohort: store.Cohort) -> list[int]:
    return cohort.table["index"].to_pylist()


def test_a_cohort_tells_what_it_is(cohort, sealed_store) -> None:
    assert len(cohort) == 12
    assert cohort.splits == ("train", "validation")
    assert cohort.path == sealed_store
    assert cohort.specs == tiny.SPECS
    assert list(cohort.specs) == ["image", "label"]
    np.testing.assert_array_equal(cohort.affine, tiny.AFFINE)
    assert repr(cohort) == (
        "<voxpress.Cohort tiny-brains 1.0.0: 12 samples; splits train 9, validation 3; "
        "arrays image uint8 16x20x18, label uint8 16x20x18>"
    )
    assert "2 of 12 samples; splits train 2;" in repr(cohort.select([0, 1]))


def test_the_table_has_the_splits_in_order(cohort) -> None:
    assert indices(cohort) == INDICES
    assert cohort.table.schema.equals(tiny.schema())
    assert cohort.table.to_pylist()[9] == tiny.row(10, "validation", 0)


@pytest.mark.parametrize("row", range(12))
def test_each_row_has_its_own_voxels(cohort, row: int) -> None:
    sample, expected = cohort[row], tiny.voxels(INDICES[row])
    for name, voxels in expected.items():
        np.testing.assert_array_equal(sample[name], voxels)
        assert sample[name].dtype == np.uint8
        assert sample[name].flags.writeable
        assert store.voxels_sha256(sample[name]) == sample[f"{name}_sha256"]
    assert sample["sample_id"] == f"tiny-{INDICES[row]:06d}"
    assert sample["age"] == 50 + 3 * INDICES[row]


def test_rows_count_from_the_end_and_stop(cohort) -> None:
    assert cohort[-1]["index"] == 12
    assert cohort[np.int64(-12)]["index"] == 0
    for row in (12, -13):
        with pytest.raises(IndexError, match=f"row {row} of a cohort of 12"):
            cohort[row]
    with pytest.raises(TypeError, match="select"):
        cohort[1:2]
    assert [sample["index"] for sample in cohort.select([3, 1])] == [3, 1]


BOXES = [((0, 16), (0, 20), (0, 18)), ((3, 9), (5, 6), (0, 18)), ((15, 16), (19, 20), (17, 18))]


@pytest.mark.parametrize("box", BOXES)
def test_a_box_is_read(cohort, box) -> None:
    (x0, x1), (y0, y1), (z0, z1) = box
    expected = tiny.voxels(6)["image"][x0:x1, y0:y1, z0:z1]
    np.testing.assert_array_equal(cohort.read(5, "image", box), expected)


@pytest.mark.parametrize(
    "box",
    [
        ((0, 17), (0, 1), (0, 1)),
        ((-1, 1), (0, 1), (0, 1)),
        ((2, 2), (0, 1), (0, 1)),
        ((0, 1), (0, 1)),
        ((0, 1, 2),) * 3,
    ],
)
def test_a_box_outside_the_volume_is_refused(cohort, box) -> None:
    with pytest.raises(IndexError, match="box must"):
        cohort.read(0, "image", box)


def test_an_unknown_array_is_named(cohort) -> None:
    with pytest.raises(KeyError, match="the arrays are image, label"):
        cohort.read(0, "mask")


SELECTIONS: dict[str, tuple[Any, list[int]]] = {
    "slice": (slice(2, 8, 2), [2, 4, 7]),
    "backwards": (slice(None, None, -5), [12, 7, 1]),
    "positions": ([5, 0, -1, 5], [6, 0, 12, 6]),
    "numpy": (np.array([1, 2], np.uint8), [1, 2]),
    "mask": ([i == 9 for i in range(12)], [10]),
    "arrow mask": (pa.array([i < 1 for i in range(12)]), [0]),
    "nothing": ([], []),
    "empty slice": (slice(5, 5), []),
    "false": (np.zeros(12, bool), []),
}


@pytest.mark.parametrize(("rows", "expected"), SELECTIONS.values(), ids=SELECTIONS.keys())
def test_selections(cohort, rows: Any, expected: list[int]) -> None:
    chosen = cohort.select(rows)
    assert indices(chosen) == expected
    assert len(chosen) == len(expected)
    assert [sample["index"] for sample in chosen] == expected


@pytest.mark.parametrize(
    ("rows", "error"),
    [
        ([12], IndexError),
        ([-13], IndexError),
        ([True], IndexError),
        ([1.0], TypeError),
        ([[1]], TypeError),
        (3, TypeError),
    ],
)
def test_wrong_selections(cohort, rows: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        cohort.select(rows)


def test_selections_compose(cohort) -> None:
    chosen = cohort.select([11, 8, 3, 2]).where("age >= 59").select([1, 0])
    assert indices(chosen) == [9, 12]
    assert chosen.splits == ("train", "validation")
    assert indices(chosen.split("validation")) == [12]
    assert indices(cohort.split("train").where("sex == 'F'")) == [0, 2, 4, 6, 8]
    np.testing.assert_array_equal(chosen.read(0, "label"), tiny.voxels(9)["label"])


def test_an_empty_cohort_is_a_cohort(cohort) -> None:
    none = cohort.where("age > 1000")
    assert len(none) == 0
    assert none.splits == ()
    assert len(none.split("train").where("age > 0").select([])) == 0
    assert none.table.schema == cohort.table.schema
    assert "no splits" in repr(none)
    with pytest.raises(IndexError):
        none[0]


def test_an_unknown_split_is_refused(cohort) -> None:
    with pytest.raises(QueryError, match="'tset'; the splits are train, validation"):
        cohort.split("tset")


def test_locations_are_those_of_the_table(cohort) -> None:
    where = cohort.select([11, 5, 0]).locations
    assert [where.splits[code] for code in where.split] == ["validation", "train", "train"]
    assert where.slot.tolist() == [row["index"] for row in cohort.select([11, 5, 0]).table["image"].to_pylist()]


def test_arrays_are_read_only(cohort) -> None:
    assert sorted(cohort.arrays) == ["train/image", "train/label", "validation/image", "validation/label"]
    array = cohort.arrays["train/image"]
    assert array.shape == (10, *tiny.SHAPE)
    with pytest.raises(ValueError, match=r"read.only"):
        array[0] = 1


def test_copies_are_light_and_read_the_same(cohort) -> None:
    chosen = cohort.where("sex == 'M'")
    chosen.read(0)
    copy = pickle.loads(pickle.dumps(chosen))
    assert len(pickle.dumps(chosen)) < 10_000
    assert copy.table.equals(chosen.table)
    np.testing.assert_array_equal(copy.read(2), chosen.read(2))


def _digest(cohort: store.Cohort, queue: Any) -> None:
    queue.put(store.voxels_sha256(cohort.read(0)))


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_worker_processes_read_after_the_parent_has(cohort, method: str, monkeypatch) -> None:
    cohort.read(0)
    # a spawned child imports this file by its name
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    target = _digest if method == "fork" else __import__("spawned").digest
    process = context.Process(target=target, args=(cohort, queue))
    process.start()
    assert queue.get(timeout=60) == store.voxels_sha256(tiny.voxels(0)["image"])
    process.join(60)
    assert process.exitcode == 0


def test_opening_reads_no_voxel_and_no_table(tiny_store) -> None:
    for folder in ("volumes", "metadata"):
        (tiny_store / folder).rename(tiny_store / f"{folder}-away")
    cohort = store.open(tiny_store)
    assert len(cohort.split("train")) == 9
    with pytest.raises(CorruptError, match=r"metadata/train-00000-of-00001\.parquet is missing"):
        _ = cohort.table


def test_zarr_is_imported_only_to_read_voxels(sealed_store) -> None:
    code = (
        "import sys, voxpress.store as store\n"
        f"store.open({str(sealed_store)!r}).where('age > 60').table\n"
        "assert not {'zarr', 'numcodecs', 'torch', 'datasets'} & set(sys.modules), sorted(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_is_not_there_is_not_found(tmp_path, tiny_store) -> None:
    with pytest.raises(StoreNotFoundError, match="nothing at"):
        store.open(tmp_path / "none")
    with pytest.raises(
        StoreNotFoundError, match=r"not a finished voxpress data set|holds data sets .* one of: tiny-brains"
    ):
        store.open(tmp_path)
    with pytest.raises(FileNotFoundError):
        store.open(tiny_store / store.MANIFEST_NAME)
    (tiny_store / store.MANIFEST_NAME).unlink()
    (tiny_store / store.WORK_FOLDER).mkdir()
    with pytest.raises(StoreNotFoundError, match="unfinished; run the same"):
        store.open(str(tiny_store))


def test_a_relative_path_survives_a_change_of_folder(tiny_store, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tiny_store.parent)
    cohort = store.open(tiny_store.name)
    monkeypatch.chdir("/")
    assert cohort.read(0).any()


def _damage_missing(path) -> None:
    path.unlink()


def _damage_cut(path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def _damage_empty(path) -> None:
    path.write_bytes(b"")


def _damage_body(path) -> None:
    data = bytearray(path.read_bytes())
    data[10] ^= 4
    path.write_bytes(data)


def _damage_index(path) -> None:
    data = bytearray(path.read_bytes())
    data[-20] ^= 4
    path.write_bytes(data)


def _damage_zeros(path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


DAMAGE = {
    "missing": (_damage_missing, "missing"),
    "cut": (_damage_cut, "size"),
    "empty": (_damage_empty, "size"),
    "bit in the body": (_damage_body, "checksum"),
    "bit in the index": (_damage_index, "checksum"),
    "all zero": (_damage_zeros, "checksum"),
}


@pytest.mark.parametrize(("damage", "kind"), DAMAGE.values(), ids=DAMAGE.keys())
@pytest.mark.parametrize("opened_before", [False, True])
def test_wrong_bytes_are_an_error_never_wrong_voxels(tiny_store, damage, kind: str, opened_before: bool) -> None:
    cohort = store.open(tiny_store)
    if opened_before:
        cohort.read(4)
    relative = "volumes/train.zarr/image/c.1.0.0.0"
    damage(tiny_store / relative)
    with pytest.raises(CorruptError, match="from its source") as caught:
        cohort.read(4)
    assert caught.value.kind == kind
    assert caught.value.path == relative
    assert caught.value.samples == ("tiny-000004", "tiny-000006", "tiny-000007")
    np.testing.assert_array_equal(cohort.read(0), tiny.voxels(0)["image"])
    np.testing.assert_array_equal(cohort.read(4, "label"), tiny.voxels(4)["label"])


@pytest.mark.parametrize(("damage", "kind"), [DAMAGE["missing"], DAMAGE["cut"], DAMAGE["bit in the body"]])
@pytest.mark.parametrize("file", ["volumes/train.zarr/image/zarr.json", "metadata/train-00000-of-00001.parquet"])
def test_wrong_metadata_is_an_error(tiny_store, file: str, damage, kind: str) -> None:
    damage(tiny_store / file)
    with pytest.raises(CorruptError) as caught:
        _ = store.open(tiny_store)[0], store.open(tiny_store).arrays["train/image"]
    assert (caught.value.kind, caught.value.path) == (kind, file)


def test_a_manifest_that_was_cut_is_not_a_store(tiny_store) -> None:
    _damage_cut(tiny_store / store.MANIFEST_NAME)
    with pytest.raises(FormatError):
        store.open(tiny_store)


def test_a_hundred_thousand_rows_are_light() -> None:
    """Deriving and filtering must stay in Arrow: a loop over the rows would take longer by far."""
    from voxpress.store.where import matching_rows

    count = 100_000
    table = pa.table(
        {
            "age": np.arange(count) % 100.0,
            "sex": ["F", "M"] * (count // 2),
            "sample_id": [f"s{i}" for i in range(count)],
        }
    )
    start = time.perf_counter()
    rows = matching_rows(table, "age >= 70 and sex == 'F'")
    assert time.perf_counter() - start < 0.5
    assert len(rows) == 15_000
