"""Whatever is damaged is mended to the very bytes, or it is said why not and what to do."""

from __future__ import annotations

import shutil
from functools import partial
from typing import TYPE_CHECKING

import pytest
import tiny_store as tiny
from altered_backend import AlteredBackend
from damage import damages
from range_server import RangeServer
from spheres_backend import SpheresBackend
from tiny_factory import contents, order, press
from troubled_backend import Trouble, TroubledBackend

import voxpress
from voxpress import store
from voxpress.errors import (
    CorruptError,
    FormatError,
    GenerationError,
    StoreExistsError,
    StoreNotFoundError,
    VoxpressError,
)
from voxpress.quality.rejects import REJECTS_NAME

if TYPE_CHECKING:
    from pathlib import Path

    from voxpress.generation.repair import RepairReport

RECIPE = order("samples=7", "splits={train: 0.5, test: 0.5}", "backend={name: spheres, fail: {2: 6}}")
IMAGE = "volumes/train.zarr/image/c.1.0.0.0"
LABEL = "volumes/test.zarr/label/c.0.0.0.0"
TABLE = "metadata/train-00000-of-00002.parquet"
ZARR = "volumes/train.zarr/image/zarr.json"
load = partial(SpheresBackend, RECIPE.backend.options, RECIPE.grid)


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> Path:
    """Two splits of two shards each, one with a hole; a test must not write to it."""
    target = tmp_path_factory.mktemp("sound") / "balls"
    press(RECIPE, target)
    return target


@pytest.fixture
def balls(sound, tmp_path) -> Path:
    """A copy of it, to be damaged."""
    return shutil.copytree(sound, tmp_path / "balls")


def repair(path, **options) -> RepairReport:
    return voxpress.repair(path, **{"workers": 1, "load": load, **options})


def done(report: RepairReport) -> dict[str, str]:
    return {mend.problem.path: mend.how for mend in report.mends}


def copy_of(root: Path, path: str) -> str:
    """The spare copy of a file."""
    manifest = store.open(root).manifest
    if path == store.MANIFEST_NAME:
        return store.layout.spare_manifest_path(manifest.digest)
    return store.layout.spare_path(manifest.files[path].sha256)


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def test_a_sound_store_is_left_alone(sound) -> None:
    before = {path: path.stat().st_mtime_ns for path in sound.rglob("*")}
    report = repair(sound)
    assert (report.ok, report.mends, report.samples) == (True, (), 6)
    assert {path: path.stat().st_mtime_ns for path in sound.rglob("*")} == before


@pytest.mark.timeout(120)
def test_every_damage_to_every_file_is_mended(balls) -> None:
    """Each file in turn, named with its samples; afterwards every byte of the store is what it was."""
    expected = contents(balls)
    table = store.open(balls).table.to_pylist()
    # nothing vouches for the record of refused attempts
    files = sorted(set(expected) - {REJECTS_NAME})
    assert len(files) == 31
    for relative in files:
        for way in damages(balls / relative):
            report = repair(balls)
            [mend] = report.mends
            assert mend.problem.path == relative, way
            assert mend.how == ("made" if "/c." in relative else "copied"), (way, mend.message)
            assert list(mend.problem.samples) == samples_of(relative, table), way
            assert contents(balls) == expected, way


def samples_of(relative: str, table: list[dict]) -> list[str]:
    """Those of a shard by the slots in the table; of a table, or the metadata of a split, those of the split."""
    folder, _, name = relative.rpartition("/")
    if folder == "spare":
        return []
    if name.startswith("c."):
        number, array = int(name.split(".")[1]), folder.rpartition("/")[2]
        rows = [row for row in table if row[array]["path"] == folder and row[array]["index"] // 2 == number]
    elif folder == "metadata":
        split, number, _, _ = name.split("-", 1)[0], *name.split("-", 1)[1].split("-")
        rows = [row for row in table if row["split"] == split and row["image"]["index"] // 2 == int(number)]
    else:
        rows = [row for row in table if folder == "" or folder.startswith(f"volumes/{row['split']}.zarr")]
    return [row["sample_id"] for row in rows]


def test_many_at_once(balls, sound) -> None:
    for path in (IMAGE, LABEL, TABLE, ZARR, "recipe.yaml"):
        (balls / path).unlink()
    flip(balls / "voxpress.json")
    flip(balls / "metadata/test-00000-of-00002.parquet")
    report = repair(balls, workers=2)
    assert report.ok
    assert sorted(how for how in done(report).values()) == ["copied"] * 5 + ["made"] * 2
    assert contents(balls) == contents(sound)


@pytest.mark.parametrize("lost", [IMAGE, TABLE, ZARR, "voxpress.json"])
def test_without_a_copy_it_is_made_again(balls, sound, lost) -> None:
    (balls / lost).unlink()
    if "/c." in lost:
        (balls / LABEL).unlink()
    elif lost != "voxpress.json":
        (balls / copy_of(sound, lost)).unlink()
    report = repair(balls)
    assert report.ok
    assert done(report)[lost] == ("copied" if lost == "voxpress.json" else "made")
    assert contents(balls) == contents(sound)


def test_nothing_left_but_the_order_and_the_manifest(balls, sound) -> None:
    """Every shard, table and metadata is lost, and so is every copy of them."""
    keep = {"voxpress.json", "recipe.yaml", REJECTS_NAME}
    for path in contents(balls):
        if path not in keep:
            (balls / path).unlink()
    report = repair(balls)
    assert report.ok
    assert contents(balls) == contents(sound)


def test_all_is_lost_but_a_copy_elsewhere(balls, sound) -> None:
    # nothing vouches for the folder quality/
    expected = {path: found for path, found in contents(sound).items() if not path.startswith("quality/")}
    digest = store.open(sound).manifest.digest
    for path in expected:
        (balls / path).write_bytes(b"")
    for options in ({}, {"source": tiny.build(balls.parent / "another")}):
        with pytest.raises(VoxpressError):
            repair(balls, **options)
    report = repair(balls, source=sound)
    assert report.ok
    assert set(done(report).values()) <= {"fetched", "copied"}
    assert {path: found for path, found in contents(balls).items() if not path.startswith("quality/")} == expected
    assert store.open(balls).manifest.digest == digest


def test_a_manifest_and_its_copy(balls, sound) -> None:
    flip(balls / "voxpress.json")
    flip(balls / copy_of(sound, "voxpress.json"))
    with pytest.raises((CorruptError, FormatError)):
        repair(balls)
    assert repair(balls, source=sound).ok
    assert contents(balls) == contents(sound)


# --- from elsewhere


def test_fetched_from_a_server(balls, sound) -> None:
    for path in (IMAGE, ZARR):
        flip(balls / path)
    flip(balls / copy_of(sound, ZARR))
    with RangeServer(sound) as server:
        report = repair(balls, source=server.url, load=None)
    assert {"fetched"} == set(done(report).values()) - {"copied"}
    assert done(report)[IMAGE] == "fetched"
    assert contents(balls) == contents(sound)


def test_what_is_wrong_there_too_is_made(balls, sound, tmp_path) -> None:
    other = shutil.copytree(sound, tmp_path / "other")
    for root in (balls, other):
        flip(root / IMAGE)
    (balls / LABEL).unlink()
    report = repair(balls, source=other)
    assert done(report) == {IMAGE: "made", LABEL: "fetched"}
    assert contents(balls) == contents(sound)
    (balls / IMAGE).unlink()
    left = repair(balls, source=other, load=partial(AlteredBackend, {}, RECIPE.grid))
    assert not left.ok
    assert "does not have it either" in left.mends[0].message
    assert "other bytes" in left.mends[0].message


def test_another_version_is_no_copy(balls, tmp_path) -> None:
    press(order("samples=6"), tmp_path / "other")
    (balls / IMAGE).unlink()
    with pytest.raises(StoreNotFoundError, match="give a copy of this very version"):
        repair(balls, source=tmp_path / "other")


# --- what cannot be


def test_other_bytes_are_not_accepted(balls, sound) -> None:
    """As another release of a package would make them."""
    lock = store.open(balls).manifest.lock
    tiny.rewrite(balls, lock={**lock, "store": {**lock["store"], "numcodecs": "0.1"}})
    before = contents(balls)
    damaged = (balls / IMAGE).read_bytes()[:-1]
    (balls / IMAGE).write_bytes(damaged)
    report = repair(balls, load=partial(AlteredBackend, RECIPE.backend.options, RECIPE.grid))
    [mend] = report.mends
    assert not report.ok
    assert "other bytes (store.numcodecs was 0.1, is " in mend.message
    assert "--from" in mend.message
    assert (balls / IMAGE).read_bytes() == damaged
    assert not (balls / store.WORK_FOLDER).exists()
    assert {**contents(balls), IMAGE: ""} == {**before, IMAGE: ""}
    # the same bytes are right, whoever made them
    assert repair(balls).ok
    assert contents(balls) == before


def test_a_recipe_that_is_lost_with_its_copy(balls, sound) -> None:
    for path in ("recipe.yaml", copy_of(sound, "recipe.yaml"), IMAGE, ZARR):
        (balls / path).unlink()
    report = repair(balls)
    assert done(report) == {"recipe.yaml": "", copy_of(sound, "recipe.yaml"): "", IMAGE: "", ZARR: "copied"}
    assert all("--from" in mend.message for mend in report.mends if not mend.how)
    assert repair(balls, source=sound).ok
    assert contents(balls) == contents(sound)


def test_a_data_set_without_an_order(tiny_store) -> None:
    (tiny_store / IMAGE).unlink()
    (tiny_store / ZARR).unlink()
    report = voxpress.repair(tiny_store)
    assert done(report) == {IMAGE: "", ZARR: "copied"}
    assert "cannot be made again" in report.mends[0].message


def test_what_is_not_listed_stays(balls) -> None:
    (balls / "notes.txt").write_text("mine")
    (balls / IMAGE).unlink()
    report = repair(balls)
    assert done(report) == {IMAGE: "made", "notes.txt": ""}
    assert (balls / "notes.txt").read_text() == "mine"
    assert not report.ok


def test_nothing_is_written_through_a_link(balls, tmp_path) -> None:
    (tmp_path / "outside").mkdir()
    shutil.move(balls / "volumes/train.zarr/image", tmp_path / "outside/image")
    (balls / "volumes/train.zarr/image").symlink_to(tmp_path / "outside/image")
    (tmp_path / "outside/image/c.1.0.0.0").write_bytes(b"precious")
    report = repair(balls)
    assert not report.ok
    assert {mend.problem.kind for mend in report.mends} == {"unsafe", "unlisted"}
    assert (tmp_path / "outside/image/c.1.0.0.0").read_bytes() == b"precious"


def test_older_formats_have_no_copies(balls, sound) -> None:
    tiny.rewrite(balls, format_version=2)
    expected = contents(balls)
    for path in (IMAGE, ZARR, "recipe.yaml"):
        flip(balls / path)
    assert done(repair(balls)) == {IMAGE: "", ZARR: "", "recipe.yaml": ""}
    shutil.copy(sound / "recipe.yaml", balls / "recipe.yaml")
    assert done(repair(balls)) == {IMAGE: "made", ZARR: "made"}
    assert contents(balls) == expected


# --- other data sets


@pytest.mark.parametrize("where", [None, "tone == 'dark' or index == 1"])
def test_a_copy_that_is_packed_otherwise(sound, tmp_path, where) -> None:
    copy = tmp_path / "lz4"
    store.recode(sound, copy, store.Packing(chunk="7,4,5", shard_samples=3), where=where)
    expected = contents(copy)
    shards = [path for path in expected if "/c." in path]
    for path in shards:
        (copy / path).unlink()
    report = repair(copy)
    assert done(report) == dict.fromkeys(shards, "made")
    assert contents(copy) == expected


def test_a_part(sound, tmp_path) -> None:
    voxpress.regenerate(sound, tmp_path / "part", samples=[1, 5], load=load, workers=1)
    expected = contents(tmp_path / "part")
    table = next(path for path in expected if path.endswith(".parquet"))
    shards = [path for path in expected if "/c." in path]
    for path in shards:
        (tmp_path / "part" / path).unlink()
    assert repair(tmp_path / "part").ok
    assert contents(tmp_path / "part") == expected
    # only the table says which samples were chosen
    (tmp_path / "part" / copy_of(tmp_path / "part", table)).unlink()
    (tmp_path / "part" / table).unlink()
    report = repair(tmp_path / "part")
    assert set(done(report).values()) == {""}
    assert any("only it says which samples were chosen" in mend.message for mend in report.mends)


# --- how it is done


def test_a_dry_run_does_nothing(balls, sound) -> None:
    for path in (IMAGE, LABEL, "recipe.yaml", "voxpress.json"):
        (balls / path).unlink()
    before = {path: path.stat().st_mtime_ns for path in balls.rglob("*")}
    report = repair(balls, dry_run=True)
    assert done(report) == {"voxpress.json": "copied", "recipe.yaml": "copied", IMAGE: "made", LABEL: "made"}
    assert "3 samples" in report.mends[-1].message
    assert done(repair(balls, dry_run=True, source=sound))[IMAGE] == "fetched"
    assert {path: path.stat().st_mtime_ns for path in balls.rglob("*")} == before


def test_the_rest_is_not_touched(balls) -> None:
    flip(balls / IMAGE)
    before = {path: path.stat().st_mtime_ns for path in balls.rglob("*") if path.is_file()}
    assert repair(balls).ok
    after = {path: path.stat().st_mtime_ns for path in balls.rglob("*") if path.is_file()}
    assert {path for path in before if before[path] != after[path]} == {balls / IMAGE}
    assert before.keys() == after.keys()


def test_stopped_and_run_again(balls, sound) -> None:
    """What was mended before the backend failed stays."""
    shards = [path for path in contents(balls) if "/image/c." in path]
    for path in [*shards, ZARR]:
        (balls / path).unlink()
    broken = partial(TroubledBackend, RECIPE.backend.options, RECIPE.grid, trouble=Trouble(kind="raise", at=6))
    with pytest.raises(GenerationError):
        repair(balls, load=broken)
    assert (balls / ZARR).exists()
    missing = [path for path in shards if not (balls / path).exists()]
    assert 0 < len(missing) < len(shards)
    assert done(repair(balls)) == dict.fromkeys(missing, "made")
    assert contents(balls) == contents(sound)


def test_not_two_at_once(balls) -> None:
    (balls / IMAGE).unlink()
    with store.WorkFolder(balls), pytest.raises(StoreExistsError, match="another run is at work"):
        repair(balls)


def test_progress_is_told(balls) -> None:
    for path in (IMAGE, LABEL):
        (balls / path).unlink()
    told: list[tuple[str, int, int]] = []
    repair(balls, progress=lambda *now: told.append(now))
    making = [now[1:] for now in told if now[0] == "making"]
    assert making == [(1, 3), (2, 3), (3, 3)]
    assert told[0][0] == "verifying"
