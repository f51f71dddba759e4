"""Every sample of a finished store is checked and embedded once."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as pq
import pytest
import tiny_store as tiny
from filelock import FileLock
from tiny_features import Tones

from voxpress import store
from voxpress.errors import CorruptError, StoreExistsError, StoreNotFoundError
from voxpress.quality import volume_of
from voxpress.quality.features.iqm import ImageQuality
from voxpress.quality.features.morphometry import Morphometry
from voxpress.quality.features.spectrum import RadialSpectrum
from voxpress.quality.features.standard import standard_extractors
from voxpress.quality.features.table import feature_files, read_features
from voxpress.quality.inspecting import SAMPLES_NAME, inspect_store, inspection, read_reasons


def expected(cohort: store.Cohort, row: int) -> np.ndarray:
    return Tones().embed(volume_of({name: cohort.read(row, name) for name in cohort.specs}, cohort.specs))


def test_every_sample_has_its_vector(tiny_store):
    cohort, told = store.open(tiny_store), []
    done = inspect_store(cohort, [Tones()], progress=lambda *state: told.append(state))
    features = read_features(cohort, Tones())
    assert features.ids == done.ids == tuple(cohort.table["sample_id"].to_pylist())
    for row in range(len(cohort)):
        np.testing.assert_array_equal(features.values[row], expected(cohort, row))
    assert done.read == tiny.SAMPLES
    assert told[-1] == (tiny.SAMPLES, tiny.SAMPLES)
    assert store.verify(tiny_store).ok
    assert not list(tiny_store.rglob(".work"))


def test_rows_of_a_selection_have_theirs(tiny_store):
    cohort = store.open(tiny_store)
    inspect_store(cohort, [Tones()])
    some = cohort.select([7, 2])
    features = read_features(some, Tones())
    assert features.ids == tuple(some.table["sample_id"].to_pylist())
    np.testing.assert_array_equal(features.values[0], expected(cohort, 7))


def test_processes_leave_the_same_bytes(tiny_store, tmp_path):
    other = shutil.copytree(tiny_store, tmp_path / "other")
    extractors = [RadialSpectrum(), Morphometry(), ImageQuality()]
    one = inspect_store(store.open(tiny_store), extractors)
    two = inspect_store(store.open(other), extractors, workers=2)
    assert one.reasons == two.reasons
    for file in [SAMPLES_NAME, *(each.path for each in feature_files(store.open(other).manifest))]:
        assert (tiny_store / file).read_bytes() == (other / file).read_bytes()


def test_nothing_is_read_twice(tiny_store, tmp_path):
    extractor = Tones(tmp_path / "log")
    inspect_store(store.open(tiny_store), [extractor])
    again = inspect_store(store.open(tiny_store), [extractor])
    assert (extractor.calls, again.read) == (tiny.SAMPLES, 0)
    anew = inspect_store(store.open(tiny_store), [extractor], again=True)
    assert (extractor.calls, anew.read) == (2 * tiny.SAMPLES, tiny.SAMPLES)


def test_only_what_is_new_is_computed(tiny_store, tmp_path):
    first, second = Tones(tmp_path / "first"), Tones(tmp_path / "second", version=2)
    second.name = "second"
    inspect_store(store.open(tiny_store), [first])
    done = inspect_store(store.open(tiny_store), [first, second])
    assert (first.calls, second.calls, done.read) == (tiny.SAMPLES, tiny.SAMPLES, tiny.SAMPLES)
    assert len(read_features(store.open(tiny_store), first)) == len(read_features(store.open(tiny_store), second))


def test_features_of_others_are_kept(tiny_store):
    own = Tones(version=3)
    own.name = "own"
    inspect_store(store.open(tiny_store), [own])
    for again in (False, True):
        inspect_store(store.open(tiny_store), [Tones()], again=again)
        assert len(read_features(store.open(tiny_store), own)) == tiny.SAMPLES


def test_an_inspection_that_was_stopped_goes_on(tiny_store, tmp_path, monkeypatch):
    monkeypatch.setattr(inspection, "piece_rows", lambda voxels: 2)
    extractor = Tones(tmp_path / "log")

    def stop(done: int, total: int) -> None:
        if done >= 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        inspect_store(store.open(tiny_store), [extractor], progress=stop)
    assert not (tiny_store / SAMPLES_NAME).exists()
    assert store.verify(tiny_store).ok
    told = []
    done = inspect_store(store.open(tiny_store), [extractor], progress=lambda *state: told.append(state))
    assert extractor.calls == tiny.SAMPLES
    assert told[0] == (6, tiny.SAMPLES)
    assert done.read == tiny.SAMPLES - 6
    assert len(read_features(store.open(tiny_store), extractor)) == tiny.SAMPLES


def test_what_is_wrong_with_a_sample_is_named_and_kept(tmp_path, monkeypatch):
    voxels = tiny.voxels

    def damaged(index: int):
        made = voxels(index)
        if index == 2:
            made["image"][made["image"] > 0] = 200
        return made

    monkeypatch.setattr(tiny, "voxels", damaged)
    cohort = store.open(tiny.build(tmp_path / "brains"))
    done = inspect_store(cohort, [Tones()])
    ids = cohort.table["sample_id"].to_pylist()
    row = cohort.table["index"].to_pylist().index(2)
    assert done.reasons[ids[row]] == ("CONSTANT",)
    assert read_reasons(cohort) == {name: done.reasons.get(name, ()) for name in ids}
    assert inspect_store(cohort, [Tones()]).reasons == done.reasons


def test_samples_have_their_figures_of_quality(tiny_store):
    cohort = store.open(tiny_store)
    inspect_store(cohort, standard_extractors())
    rows = pq.read_table(tiny_store / SAMPLES_NAME)
    assert rows.column_names[:4] == ["sample_id", "reasons", "efc", "cnr"]
    assert np.isfinite(rows["efc"].to_numpy()).all()
    assert rows.schema.metadata[b"synthetic"] == b"true"


def test_a_volume_that_cannot_be_embedded_leaves_a_hole(tiny_store):
    cohort = store.open(tiny_store)
    done = inspect_store(cohort, [Tones(refuses=0.0)])
    assert done.failed["tones"].endswith(": this one is refused")
    with pytest.raises(StoreNotFoundError, match=r"is not there\); make them with `voxpress qa"):
        read_features(cohort, Tones())


def test_damaged_voxels_are_named(tiny_store):
    path = tiny_store / store.shard_path("train", "image", 1)
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 255
    path.write_bytes(bytes(data))
    with pytest.raises(CorruptError, match=store.shard_path("train", "image", 1)) as caught:
        inspect_store(store.open(tiny_store), [Tones()], workers=2)
    assert caught.value.samples


def test_features_that_are_missing_stale_or_others_are_told(tiny_store):
    cohort = store.open(tiny_store)
    with pytest.raises(StoreNotFoundError, match=r"there is no quality/features/train-00000.*voxpress qa"):
        read_features(cohort, Tones())
    inspect_store(cohort, [Tones()])
    with pytest.raises(StoreNotFoundError, match="are tones/1"):
        read_features(cohort, Tones(version=2))
    file = tiny_store / feature_files(cohort.manifest)[0].path
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(StoreNotFoundError, match="cannot be read"):
        read_features(cohort, Tones())
    rows = pq.read_table(file.parent / Path(feature_files(cohort.manifest)[1].path).name)
    stale = rows.replace_schema_metadata({**rows.schema.metadata, b"manifest_sha256": b"0" * 64})
    pq.write_table(stale, tiny_store / feature_files(cohort.manifest)[1].path)
    file.write_bytes(whole)
    with pytest.raises(StoreNotFoundError, match="another version"):
        read_features(cohort, Tones())
    assert inspect_store(cohort, [Tones()]).read > 0
    assert len(read_features(cohort, Tones())) == tiny.SAMPLES


def test_features_name_the_manifest_and_say_that_they_are_synthetic(tiny_store):
    cohort = store.open(tiny_store)
    inspect_store(cohort, [Tones()])
    metadata = pq.read_schema(tiny_store / feature_files(cohort.manifest)[0].path).metadata
    assert metadata[b"manifest_sha256"].decode() == cohort.manifest.digest
    assert json.loads(metadata[b"feature_ids"]) == {"tones": "tones/1"}
    assert metadata[b"synthetic"] == b"true"


def test_only_one_inspection_is_at_work(tiny_store):
    work = tiny_store / "quality" / ".work"
    work.mkdir(parents=True)
    with FileLock(work / "lock"), pytest.raises(StoreExistsError, match="another inspection"):
        inspect_store(store.open(tiny_store), [Tones()])


def test_a_table_is_of_at_most_128_files_a_split(sealed_store):
    manifest = store.open(sealed_store).manifest
    files = feature_files(manifest)
    assert [(file.split, file.first, file.rows) for file in files] == [
        ("train", 0, 4), ("train", 4, 3), ("train", 7, 2), ("validation", 9, 3),
    ]  # fmt: skip
    sizes = store.SplitRecord(slots=1000, samples=999, shard_samples=4)
    slots = np.delete(np.arange(1000), 17)
    many = SimpleNamespace(split_names=("train",), splits={"train": sizes}, sample_slots=lambda split: slots)
    assert len(feature_files(many)) == 128
    assert sum(file.rows for file in feature_files(many)) == 999
