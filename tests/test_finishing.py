"""The last step: tables and metadata from records alone, whatever their order."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest
from spheres_backend import SpheresBackend
from tiny_factory import contents, order

from voxpress import store
from voxpress.generation import finishing
from voxpress.generation.arrays import specs_of
from voxpress.generation.cohort import draw_cohort
from voxpress.generation.factory import plan_jobs
from voxpress.generation.lock import lock_of
from voxpress.generation.shard_maker import ShardMaker
from voxpress.store import rows

RECIPE = order("backend={name: spheres, fail: {6: 6}}")
BACKEND = SpheresBackend(RECIPE.backend.options, RECIPE.grid)
SPECS = specs_of(RECIPE, BACKEND)


def finish(target, *, turn: int = 0) -> store.Manifest:
    maker = ShardMaker(load=lambda: BACKEND, specs=SPECS, seed=RECIPE.seed, target=target)
    jobs = plan_jobs(draw_cohort(RECIPE, BACKEND))
    records = [maker.make(job, on_sample=lambda: None) for job in jobs]
    return finishing.finish(
        target,
        recipe=RECIPE,
        backend=BACKEND,
        specs=SPECS,
        lock=lock_of(BACKEND),
        records=records[turn:] + records[:turn],
        beside={"recipe.yaml": RECIPE.to_yaml().encode()},
        scratch=target / store.WORK_FOLDER / "scratch",
    )


def test_the_order_of_the_records_does_not_count(tmp_path) -> None:
    one, two = finish(tmp_path / "one"), finish(tmp_path / "two", turn=3)
    assert one.digest == two.digest
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert one == store.open(tmp_path / "one").manifest


def test_one_row_group_is_one_shard(tmp_path) -> None:
    manifest = finish(tmp_path)
    for split, sizes in manifest.splits.items():
        rows = []
        for path in manifest.metadata_files(split):
            file = pq.ParquetFile(tmp_path / path)
            rows += [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)]
            assert b"huggingface" not in file.schema_arrow.metadata
        assert len(rows) == sizes.shards
        assert sum(rows) == sizes.samples


@pytest.mark.parametrize("most", [1, 2, 3])
def test_tables_are_cut_into_so_many_files_at_most(tmp_path, monkeypatch, most) -> None:
    monkeypatch.setattr(rows, "_MOST_TABLE_FILES", most)
    manifest = finish(tmp_path)
    assert {split: len(manifest.metadata_files(split)) for split in manifest.splits} == {"train": most, "test": most}
    assert store.verify(tmp_path).problems == ()
    assert len(store.open(tmp_path).table) == 13


def test_every_file_says_that_it_is_synthetic(tmp_path) -> None:
    manifest = finish(tmp_path)
    for path in manifest.files:
        if path.endswith("zarr.json"):
            marks = json.loads((tmp_path / path).read_bytes())["attributes"]
            assert marks["synthetic"] is True
            assert marks["not_for_clinical_use"] is True
            assert marks["digital_source_type"] == BACKEND.digital_source_type
            assert marks["dataset"] == "tiny-balls 1.0.0"
        if path.endswith(".parquet"):
            assert pq.read_schema(tmp_path / path).metadata[b"synthetic"] == b"true"
            assert set(pq.read_table(tmp_path / path)["is_synthetic"].to_pylist()) <= {True}
    assert json.loads((tmp_path / "voxpress.json").read_bytes())["synthetic"] is True


def test_no_file_names_the_machine_or_the_time(tmp_path) -> None:
    manifest = finish(tmp_path)
    for path in [*manifest.files, "voxpress.json"]:
        assert str(tmp_path).encode() not in (tmp_path / path).read_bytes()


def test_the_lock_names_what_decides_the_bytes() -> None:
    lock = lock_of(BACKEND)
    assert list(lock) == ["backend", "cohort", "store", "voxpress"]
    assert lock["backend"] == {"name": "spheres", **BACKEND.fingerprint()}
    assert all(isinstance(value, str) for group in lock.values() for value in group.values())
