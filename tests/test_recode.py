"""A copy that is packed otherwise: the same samples, whatever the threads, wherever it was stopped."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny_store as tiny
from tiny_factory import contents, until

from voxpress import store
from voxpress.errors import CorruptError, DiskFullError, QueryError, StoreExistsError, StoreNotFoundError
from voxpress.store import Packing, layout, recode
from voxpress.store.recode import _CopyMaker

FORMAT_1 = Path(__file__).parent / "golden" / "format-1"
EXTENTS = ("image_box", "label_values", "label_counts", "label_boxes")
SHARD = "volumes/train.zarr/image/c.1.0.0.0"
PACKINGS = {
    "training": Packing(),
    "for patches": Packing(codec="zstd-fast", chunk="4,5,6", shard_samples=3),
    "small chunks of lz4": Packing(chunk="4,5,6", shard_samples=3),
    "small": Packing(codec="zstd", chunk="4,10,9", shard_samples=64),
    "bare": Packing(codec="none", chunk="same", shard_samples=1),
}


@pytest.mark.parametrize("packing", PACKINGS.values(), ids=PACKINGS.keys())
def test_all_but_the_packing_is_the_same(sealed_store, tmp_path, packing) -> None:
    source = store.open(sealed_store)
    done = recode(sealed_store, tmp_path / "copy", packing, threads=2)
    assert done.made == len(source)
    assert store.verify(tmp_path / "copy").problems == ()
    copy = store.open(tmp_path / "copy")
    assert copy.manifest == done.manifest
    assert copy.table.equals(source.table)
    assert copy.manifest.rejected == source.manifest.rejected
    assert (copy.manifest.name, copy.manifest.version) == (source.manifest.name, source.manifest.version)
    assert copy.manifest.format_version == store.FORMAT_VERSION
    for name, spec in source.specs.items():
        assert copy.specs[name] == packing.applied(spec)
        for row in range(len(source)):
            np.testing.assert_array_equal(copy.read(row, name), source.read(row, name))
        for split in source.splits:
            np.testing.assert_array_equal(copy.arrays[f"{split}/{name}"][:], source.arrays[f"{split}/{name}"][:])
    assert not (tmp_path / "copy" / store.WORK_FOLDER).exists()


def test_the_lock_says_what_was_done(sealed_store, tmp_path) -> None:
    source = store.open(sealed_store).manifest
    lock = recode(sealed_store, tmp_path / "copy", Packing(chunk="4,20,18")).manifest.lock
    assert (
        lock["recoded"].items()
        >= {
            "source_digest": source.digest,
            "codec": "lz4",
            "chunk": "4,20,18",
            "shard_samples": tiny.SHARD_SAMPLES,
            "where": "",
        }.items()
    )
    assert {group: values for group, values in lock.items() if group != "recoded"} == source.lock


def test_a_copy_of_format_1_gains_the_extents(tmp_path) -> None:
    done = recode(FORMAT_1, tmp_path / "copy")
    assert store.verify(tmp_path / "copy").problems == ()
    source, copy = store.open(FORMAT_1), store.open(tmp_path / "copy")
    assert copy.table.drop_columns(EXTENTS).equals(source.table)
    assert copy.conditions == source.conditions
    assert done.manifest.format_version == store.FORMAT_VERSION
    for row in copy:
        for name, spec in copy.specs.items():
            assert store.sample_extents(spec, row[name]).items() <= row.items()
    assert copy.table.column_names == store.open(FORMAT_1.parent / "format-2").table.column_names


def test_a_copy_of_a_copy_is_the_first_again(tmp_path) -> None:
    """But for the manifest, whose lock says what was done."""
    first = FORMAT_1.parent / "format-3"
    recode(first, tmp_path / "lz4", Packing(chunk="4,6,3", shard_samples=5))
    recode(tmp_path / "lz4", tmp_path / "again", Packing(codec="zstd", shard_samples=4))
    before, after = contents(first), contents(tmp_path / "again")
    for files in (before, after):
        del files[layout.spare_manifest_path(files.pop(store.MANIFEST_NAME))]
    assert before == after


def test_the_bytes_do_not_depend_on_the_threads(sealed_store, tmp_path) -> None:
    for threads in (1, 2, 7):
        recode(sealed_store, tmp_path / str(threads), Packing(chunk="4,5,6"), threads=threads)
    assert contents(tmp_path / "1") == contents(tmp_path / "2") == contents(tmp_path / "7")


def test_some_samples_close_up(sealed_store, tmp_path) -> None:
    expression = "sex == 'F' and age >= 56"
    expected = store.open(sealed_store).where(expression)
    recode(sealed_store, tmp_path / "copy", Packing(shard_samples=2), where=expression)
    assert store.verify(tmp_path / "copy").problems == ()
    copy = store.open(tmp_path / "copy")
    assert copy.manifest.rejected == ()
    assert copy.manifest.lock["recoded"]["where"] == expression
    names = ["sample_id", "index", "split", "age", "seed", "image_sha256", "label_counts"]
    assert copy.table.select(names).equals(expected.table.select(names))
    for row in range(len(copy)):
        assert store.voxels_sha256(copy.read(row, "label")) == copy.table["label_sha256"][row].as_py()
    with pytest.raises(QueryError, match="no sample"):
        recode(sealed_store, tmp_path / "none", where="age > 200")
    assert not (tmp_path / "none").exists()


def test_the_card_goes_along_with_a_note(tiny_store, tmp_path) -> None:
    (tiny_store / "README.md").write_text("---\npretty_name: Tiny\n---\n# Tiny\n")
    (tiny_store / "quality").mkdir()
    (tiny_store / "quality" / "report.json").write_text("{}")
    recode(tiny_store, tmp_path / "copy")
    card = (tmp_path / "copy" / "README.md").read_text()
    assert card.startswith("---\npretty_name: Tiny\n---\n# Tiny\n\n## This copy\n")
    assert store.open(tiny_store).manifest.digest in card
    assert not (tmp_path / "copy" / "quality").exists()
    assert (tmp_path / "copy" / "recipe.yaml").read_bytes() == (tiny_store / "recipe.yaml").read_bytes()


def test_attributes_that_this_version_does_not_know_are_kept(tiny_store, tmp_path) -> None:
    for file in ("volumes/train.zarr/zarr.json", "volumes/train.zarr/image/zarr.json"):
        document = json.loads((tiny_store / file).read_bytes())
        document["attributes"]["scanner"] = "none"
        (tiny_store / file).write_bytes(store.document_bytes(document))
    tiny.rewrite(tiny_store)
    recode(tiny_store, tmp_path / "copy")
    for file in ("volumes/train.zarr/zarr.json", "volumes/train.zarr/image/zarr.json"):
        assert json.loads((tmp_path / "copy" / file).read_bytes())["attributes"]["scanner"] == "none"


def test_finished_before_there_is_nothing_to_do(sealed_store, tmp_path) -> None:
    first = recode(sealed_store, tmp_path / "copy")
    before = contents(tmp_path / "copy")
    again = recode(sealed_store, tmp_path / "copy")
    assert (again.manifest, again.made) == (first.manifest, 0)
    assert contents(tmp_path / "copy") == before


class StoppedError(Exception):
    pass


def stop_after(samples: int):
    def progress(done: int, _: int) -> None:
        if done >= samples:
            raise StoppedError

    return progress


@pytest.fixture(scope="module")
def whole(sealed_store, tmp_path_factory) -> dict[str, str]:
    """What a copy in shards of three consists of when nothing goes wrong."""
    target = tmp_path_factory.mktemp("whole") / "copy"
    recode(sealed_store, target, Packing(shard_samples=3))
    return contents(target)


@pytest.mark.parametrize("samples", range(1, tiny.SAMPLES + 1))
def test_stopped_anywhere_it_goes_on(sealed_store, tmp_path, whole, samples) -> None:
    packing = Packing(shard_samples=3)
    with pytest.raises(StoppedError):
        recode(sealed_store, tmp_path / "copy", packing, progress=stop_after(samples))
    with pytest.raises(StoreNotFoundError, match="unfinished"):
        store.open(tmp_path / "copy")
    committed = len(list((tmp_path / "copy" / store.WORK_FOLDER / "shards").glob("*.json")))
    told: list[tuple[int, int]] = []
    done = recode(sealed_store, tmp_path / "copy", packing, progress=lambda *now: told.append(now))
    assert committed == {1: 0, 2: 0, 3: 0, 4: 1, 5: 1, 6: 2, 7: 2, 8: 2, 9: 3, 10: 4, 11: 4, 12: 4}[samples]
    assert told[0] == (tiny.SAMPLES - done.made, tiny.SAMPLES)
    assert told[-1] == (tiny.SAMPLES, tiny.SAMPLES)
    assert contents(tmp_path / "copy") == whole


@pytest.mark.parametrize("damage", ["missing", "cut"])
def test_a_committed_file_that_went_is_made_again(sealed_store, tmp_path, damage) -> None:
    with pytest.raises(StoppedError):
        recode(sealed_store, tmp_path / "copy", progress=stop_after(8))
    shard = tmp_path / "copy" / "volumes/train.zarr/label/c.0.0.0.0"
    data = shard.read_bytes()
    shard.unlink()
    if damage == "cut":
        shard.write_bytes(data[:-1])
    recode(sealed_store, tmp_path / "copy")
    assert shard.read_bytes() == data
    assert store.verify(tmp_path / "copy").problems == ()


def test_a_killed_process_is_gone_on_from(sealed_store, tmp_path, whole) -> None:
    code = (
        "import sys, time; from voxpress.store import Packing, recode\n"
        "recode(*sys.argv[1:], Packing(shard_samples=3), threads=2, progress=lambda *_: time.sleep(0.1))"
    )
    target = tmp_path / "copy"
    run = subprocess.Popen([sys.executable, "-c", code, str(sealed_store), str(target)])
    until(lambda: len(list((target / store.WORK_FOLDER / "shards").glob("*.json"))) >= 2)
    run.send_signal(signal.SIGKILL)
    run.wait()
    assert recode(sealed_store, target, Packing(shard_samples=3)).made < tiny.SAMPLES
    assert contents(target) == whole


def make(path: Path, what: str) -> None:
    path.mkdir()
    if what == "a file":
        path.rmdir()
        path.write_text("x")
    elif what == "other files":
        (path / "notes.txt").write_text("x")


@pytest.mark.parametrize(
    ("what", "said"), [("a file", "is a file"), ("other files", "holds no run"), ("the source", "lies in the data set")]
)
def test_a_target_that_is_something_else_is_refused(tiny_store, tmp_path, what, said) -> None:
    target = tiny_store / "copy" if what == "the source" else tmp_path / "copy"
    if what != "the source":
        make(target, what)
    before = contents(tmp_path)
    with pytest.raises(StoreExistsError, match=said):
        recode(tiny_store, target)
    with pytest.raises(StoreExistsError, match="lies in"):
        recode(tiny_store, tiny_store)
    assert contents(tmp_path) == before


def test_other_data_sets_and_other_settings_are_refused(sealed_store, tiny_store, tmp_path) -> None:
    before = contents(tiny_store)
    with pytest.raises(StoreExistsError, match="finished data set of another order"):
        recode(sealed_store, tiny_store)
    assert contents(tiny_store) == before
    recode(sealed_store, tmp_path / "copy")
    with pytest.raises(StoreExistsError, match=r"recoded\.codec has lz4 there, zstd ordered"):
        recode(sealed_store, tmp_path / "copy", Packing(codec="zstd"))
    with pytest.raises(StoreExistsError, match=r"recoded\.source_digest"):
        recode(FORMAT_1, tmp_path / "copy")
    with pytest.raises(StoppedError):
        recode(sealed_store, tmp_path / "half", progress=stop_after(5))
    with pytest.raises(StoreExistsError, match=r"unfinished run of another order \(recoded\.where"):
        recode(sealed_store, tmp_path / "half", where="age > 1")


@pytest.mark.parametrize("damage", ["flip", "cut", "missing"])
def test_a_corrupt_shard_of_the_source_is_named_and_nothing_looks_done(
    tiny_store, sealed_store, tmp_path, damage
) -> None:
    data = bytearray((tiny_store / SHARD).read_bytes())
    if damage == "flip":
        data[20] ^= 1
    (tiny_store / SHARD).unlink()
    if damage != "missing":
        (tiny_store / SHARD).write_bytes(data[:-1] if damage == "cut" else data)
    with pytest.raises(CorruptError, match=r"train\.zarr/image/c\.1\.0\.0\.0.*tiny-000004"):
        recode(tiny_store, tmp_path / "copy")
    with pytest.raises(StoreNotFoundError, match="unfinished"):
        store.open(tmp_path / "copy")
    assert len(list((tmp_path / "copy" / store.WORK_FOLDER / "shards").glob("*.json"))) == 1
    shutil.copy(sealed_store / SHARD, tiny_store / SHARD)
    assert recode(tiny_store, tmp_path / "copy").made == tiny.SAMPLES - tiny.SHARD_SAMPLES
    assert store.verify(tmp_path / "copy").problems == ()


def test_voxels_that_are_not_those_of_the_table_are_refused(tiny_store, tmp_path) -> None:
    """A shard with sound checksums and other voxels, to which the manifest was made to fit."""
    spec = tiny.SPECS["image"]
    encoded = [store.encode_sample(spec, tiny.voxels(40 + slot)["image"]) for slot in range(4)]
    (tiny_store / SHARD).write_bytes(b"".join(store.assemble_shard(spec, encoded)))
    tiny.rewrite(tiny_store)
    with pytest.raises(CorruptError, match=r"image of tiny-000004 .* does not have the image_sha256") as caught:
        recode(tiny_store, tmp_path / "copy")
    assert (caught.value.path, caught.value.samples) == (SHARD, ("tiny-000004",))


def test_a_full_disk_is_told_of_and_gone_on_from(sealed_store, tmp_path, monkeypatch) -> None:
    room = [4]
    fsync = os.fsync

    def full(handle: int) -> None:
        room[0] -= 1
        if room[0] < 0:
            raise OSError(errno.ENOSPC, "no space left on device")
        fsync(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFullError, match="run the same command again"):
        recode(sealed_store, tmp_path / "copy")
    monkeypatch.undo()
    recode(sealed_store, tmp_path / "copy")
    assert store.verify(tmp_path / "copy").problems == ()


def test_two_at_once_are_refused(sealed_store, tmp_path) -> None:
    def meddle(*_: int) -> None:
        with pytest.raises(StoreExistsError, match="another run is at work"):
            recode(sealed_store, tmp_path / "copy")

    recode(sealed_store, tmp_path / "copy", progress=meddle)


def test_few_samples_are_held(sealed_store, tmp_path, monkeypatch) -> None:
    begun: list[int] = []
    pack = _CopyMaker._pack

    def watched(maker, row):
        begun.append(row)
        return pack(maker, row)

    monkeypatch.setattr(_CopyMaker, "_pack", watched)
    with pytest.raises(StoppedError):
        recode(sealed_store, tmp_path / "copy", Packing(shard_samples=64), threads=2, progress=stop_after(1))
    assert len(begun) <= 5
