"""Fetching: all of a data set, some splits, some samples; stopped anywhere, damaged on the way, refused."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import datasets
import numpy as np
import pytest
from loopback_hub.in_process import point_at
from loopback_hub.users import STRANGER
from mounts import ALONE, may_mount
from published_stores import SHARD, carded, collection
from publishing_forks import Forks
from range_server import Faults, RangeServer
from tiny_factory import contents

from voxpress import store
from voxpress.builder.fetching import fetch
from voxpress.builder.publishing import publish
from voxpress.errors import CorruptError, QueryError, RemoteError, StoreExistsError, StoreNotFoundError

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def published(sealed_store, tmp_path_factory) -> Path:
    """A folder of one version."""
    folder = tmp_path_factory.mktemp("published")
    publish(carded(shutil.copytree(sealed_store, folder / "store")), folder / "shelf")
    return folder / "shelf"


@pytest.fixture(params=["folder", "http", "s3", "hub"])
def source(request, published, monkeypatch):
    """The same version in each kind of place."""
    root = published / "v1.0.0"
    if request.param == "folder":
        yield f"{published}@v1.0.0"
    elif request.param == "http":
        with RangeServer(published) as server:
            yield f"{server.url}v1.0.0"
    elif request.param == "s3":
        s3 = request.getfixturevalue("s3")
        s3.set(monkeypatch)
        bucket = s3.bucket(f"fetch-{abs(hash(request.node.nodeid))}")
        publish(root, f"{bucket}/brains")
        yield f"{bucket}/brains"
    else:
        request.getfixturevalue("loopback_hub").add_folder("org/brains", root, tag="v1.0.0")
        yield "org/brains@v1.0.0"


@pytest.fixture
def served(published):
    with RangeServer(published / "v1.0.0") as server:
        yield server


def test_all_of_it_is_the_same_bytes(source, published, tmp_path) -> None:
    told = []
    done = fetch(source, tmp_path / "copy", progress=lambda *now: told.append(now))
    assert contents(tmp_path / "copy") == contents(published / "v1.0.0")
    assert done.manifests[""].digest == done.source_digests[""]
    assert not done.finished_before
    total = sum(record.bytes for record in done.manifests[""].files.values())
    assert told[0] == (0, total, "B")
    assert told[-1] == (total, total, "B")
    assert fetch(source, tmp_path / "copy").finished_before
    assert not (tmp_path / "copy" / store.WORK_FOLDER).exists()


def unspared(files: dict[str, bytes]) -> dict[str, bytes]:
    """Without the spare copies, which `verify` checks, and what is said of the quality of the whole."""
    return {path: data for path, data in files.items() if not path.startswith(("spare/", "quality/"))}


def test_some_splits_have_the_files_of_the_source(source, published, tmp_path) -> None:
    done = fetch(source, tmp_path / "copy", splits=["train"])
    assert store.verify(tmp_path / "copy").problems == ()
    copy, whole = unspared(contents(tmp_path / "copy")), unspared(contents(published / "v1.0.0"))
    assert {path for path in copy if copy[path] != whole.get(path)} == {"voxpress.json", "README.md"}
    assert set(whole) - set(copy) == {path for path in whole if "validation" in path}
    lock = done.manifests[""].lock["fetched"]
    assert (lock["source_digest"], lock["splits"], lock["where"]) == (done.source_digests[""], ["train"], "")
    assert done.manifests[""].rejected == store.open(published / "v1.0.0").manifest.rejected
    rows = datasets.load_dataset(str(tmp_path / "copy"), cache_dir=str(tmp_path / "cache"))
    assert {split: len(part) for split, part in rows.items()} == {"train": 9}
    assert fetch(source, tmp_path / "copy", splits=["train"]).finished_before


def test_all_splits_by_name_are_all_of_it(source, tmp_path) -> None:
    done = fetch(source, tmp_path / "copy", splits=["validation", "train"])
    assert done.manifests[""].digest == done.source_digests[""]


def test_some_samples_close_up(source, published, tmp_path) -> None:
    whole = store.open(published / "v1.0.0")
    done = fetch(source, tmp_path / "copy", where="diagnosis == 'AD'", splits=["train"])
    assert store.verify(tmp_path / "copy").problems == ()
    copy, wanted = store.open(tmp_path / "copy"), whole.split("train").where("diagnosis == 'AD'")
    assert copy.table["sample_id"].equals(wanted.table["sample_id"])
    assert copy.splits == ("train",)
    for row in range(len(copy)):
        for name in copy.specs:
            np.testing.assert_array_equal(copy.read(row, name), wanted.read(row, name))
    assert copy.manifest.lock["fetched"]["where"] == "diagnosis == 'AD'"
    assert copy.specs == whole.specs
    assert not done.finished_before
    assert fetch(source, tmp_path / "copy", where="diagnosis == 'AD'", splits=["train"]).finished_before
    assert "diagnosis == 'AD'" in (tmp_path / "copy" / "README.md").read_text()


def test_only_what_the_samples_need_travels(served, published, tmp_path) -> None:
    """Shards without such a sample are not touched; packed chunks are those of the source."""
    fetch(served.url, tmp_path / "copy", where="sample_id == 'tiny-000002'")
    shards = {request.path for request in served.log if "/c." in request.path}
    assert shards == {f"volumes/train.zarr/{name}/c.0.0.0.0" for name in ("image", "label")}
    asked = [request for request in served.log if "/c." in request.path]
    assert len(asked) == 4, "an index and a range of each array"
    size = (published / "v1.0.0" / "volumes/train.zarr/image/c.0.0.0.0").stat().st_size
    assert sum(request.sent for request in asked if "/image/" in request.path) < size / 2
    spec = store.open(tmp_path / "copy").specs["image"]
    packed = (tmp_path / "copy" / "volumes/train.zarr/image/c.0.0.0.0").read_bytes()[: -store.index_bytes(spec)]
    assert packed in (published / "v1.0.0" / "volumes/train.zarr/image/c.0.0.0.0").read_bytes()


@pytest.mark.parametrize("fault", ["error_500", "error_503", "reset", "truncate"])
def test_a_fault_that_passes_is_not_seen(served, published, tmp_path, fault) -> None:
    served.faults = Faults(**{fault: 1.0}, first=1)
    fetch(served.url, tmp_path / "copy")
    assert contents(tmp_path / "copy") == contents(published / "v1.0.0")


def test_bytes_that_were_damaged_on_the_way_come_again(served, published, tmp_path) -> None:
    served.faults = Faults(corrupt=1.0, first=1, only="volumes/")
    fetch(served.url, tmp_path / "copy")
    assert contents(tmp_path / "copy") == contents(published / "v1.0.0")
    served.reset()
    served.faults = Faults(corrupt=1.0, first=1, only="/c.")
    fetch(served.url, tmp_path / "some", where="age < 70")
    assert store.verify(tmp_path / "some").problems == ()


def test_bytes_that_are_wrong_at_the_source_are_told(published, tmp_path) -> None:
    root = shutil.copytree(published / "v1.0.0", tmp_path / "broken")
    data = bytearray((root / SHARD).read_bytes())
    data[7] ^= 1
    (root / SHARD).write_bytes(data)
    with (
        RangeServer(root) as server,
        pytest.raises(CorruptError, match=r"c\.1\.0\.0\.0 of http.* does not have the sha256"),
    ):
        fetch(server.url, tmp_path / "copy")
    with pytest.raises(StoreNotFoundError, match="unfinished"):
        store.open(tmp_path / "copy")
    with pytest.raises(CorruptError, match=r"c\.1\.0\.0\.0"):
        fetch(root, tmp_path / "some", where="sample_id == 'tiny-000004'")


def test_a_file_that_is_missing_at_the_source_is_told(published, tmp_path) -> None:
    root = shutil.copytree(published / "v1.0.0", tmp_path / "broken")
    (root / SHARD).unlink()
    for place in (root, None):
        with RangeServer(root) as server, pytest.raises(CorruptError, match=r"c\.1\.0\.0\.0 is missing"):
            fetch(place or server.url, tmp_path / "copy")


def test_a_server_that_ignores_ranges_is_told(published, tmp_path) -> None:
    refused = pytest.raises(RemoteError, match="does not give ranges of")
    with RangeServer(published / "v1.0.0", ranges=False) as server, refused:
        fetch(server.url, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_a_download_that_stops_in_the_middle_goes_on(served, published, tmp_path) -> None:
    there = []

    class StoppedError(Exception):
        pass

    def stop(done, total, _) -> None:
        if done > total / 2:
            there.extend(path for path in (tmp_path / "copy").rglob("*") if path.is_file())
            raise StoppedError

    with pytest.raises(StoppedError):
        fetch(served.url, tmp_path / "copy", transfers=2, progress=stop)
    with pytest.raises(StoreNotFoundError, match="unfinished"):
        store.open(tmp_path / "copy")
    files = {path.relative_to(tmp_path / "copy").as_posix() for path in there}
    files = {path for path in files if not path.startswith(".")}
    assert files
    served.reset()
    fetch(served.url, tmp_path / "copy")
    assert contents(tmp_path / "copy") == contents(published / "v1.0.0")
    assert not files & {request.path for request in served.log}


@pytest.mark.parametrize(
    "selection", [[], ["--splits", "train"], ["--where", "age > 60"]], ids=["all", "split", "some"]
)
def test_killed_at_each_rename_it_is_finished_by_the_same_command(published, tmp_path, selection) -> None:
    whole = tmp_path / "whole"
    with Forks(os.environ, tmp_path) as forks:
        assert forks.start("fetch", published, *selection, "-o", whole).wait().code == 0
        expected = contents(whole)
        # each start of a selection reads the table, which takes longer
        for point in range(0, 100, 4 if "--where" in selection else 2):
            target = tmp_path / f"copy-{point}"
            ended = forks.start("fetch", published, *selection, "-o", target, kill_at=("rename", point)).wait()
            if ended.code == 0:
                break
            assert ended.code == -signal.SIGKILL, ended.text
            with pytest.raises(StoreNotFoundError):
                store.open(target)
            ended = forks.start("fetch", published, *selection, "-o", target).wait()
            assert ended.code == 0, ended.text
            assert contents(target) == expected
    assert point >= len(expected) - 2


@pytest.mark.skipif(not may_mount(), reason="needs to mount a small disk of its own")
def test_a_full_disk_is_told_of_and_resumed_from(published, tmp_path) -> None:
    program = (
        "import subprocess, sys, json\n"
        "from voxpress.builder.fetching import fetch\n"
        "from voxpress.errors import DiskFullError\n"
        "subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=32k', 'none', sys.argv[2]], check=True)\n"
        "full = []\n"
        "for pages in range(8, 400, 8):\n"
        "    subprocess.run(['mount', '-o', f'remount,size={pages * 4096}', sys.argv[2]], check=True)\n"
        "    try:\n"
        "        fetch(sys.argv[1], sys.argv[2] + '/copy', transfers=1)\n"
        "        break\n"
        "    except DiskFullError as error:\n"
        "        full.append(str(error))\n"
        "from tiny_factory import contents\n"
        "from pathlib import Path\n"
        "print(json.dumps({'full': full, 'contents': dict(contents(Path(sys.argv[2]) / 'copy'))}))\n"
    )
    (tmp_path / "disk").mkdir()
    done = subprocess.run(
        [*ALONE, sys.executable, "-c", program, str(published), str(tmp_path / "disk")],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert len(told["full"]) >= 2
    assert all("free some and run the same command again" in text for text in told["full"])
    assert told["contents"] == contents(published / "v1.0.0")


def test_an_unfinished_source_is_told(published, tmp_path) -> None:
    (tmp_path / "half" / store.WORK_FOLDER).mkdir(parents=True)
    with pytest.raises(StoreNotFoundError, match="is unfinished"):
        fetch(tmp_path / "half", tmp_path / "copy")


def test_a_target_that_is_something_else_is_refused(published, tmp_path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("x")
    with pytest.raises(StoreExistsError, match="is not empty"):
        fetch(published, tmp_path / "other")
    with pytest.raises(StoreExistsError, match="lies in the data set"):
        fetch(published / "v1.0.0", published / "v1.0.0" / "copy")
    fetch(published, tmp_path / "copy")
    for order in ({"splits": ["train"]}, {"where": "age > 60"}):
        with pytest.raises(StoreExistsError, match="give a folder that is new or empty"):
            fetch(published, tmp_path / "copy", **order)
    fetch(published, tmp_path / "train", splits=["train"])
    with pytest.raises(StoreExistsError, match=r"holds another data set"):
        fetch(published, tmp_path / "train")
    with pytest.raises(StoreExistsError, match=r"fetched\.splits"):
        fetch(published, tmp_path / "train", splits=["validation"])


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ({"splits": ["dev"]}, "there is no split dev at .*; the splits are train, validation"),
        ({"where": "age >"}, "age >"),
        ({"where": "age > 500"}, "no sample"),
        ({"where": "size > 5"}, "size"),
        ({"config": "2mm"}, "is one data set and has no configuration '2mm'"),
    ],
)
def test_a_mistake_is_told_before_anything_is_written(published, tmp_path, order, said) -> None:
    with pytest.raises(QueryError, match=said):
        fetch(published, tmp_path / "copy", **order)
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize(
    ("name", "error", "said"),
    [
        ("org/missing", StoreNotFoundError, "no data set 'org/missing' on the Hub"),
        ("org/brains@v9", StoreNotFoundError, "has no revision 'v9'"),
        ("org/private", StoreNotFoundError, "or it is private"),
        ("org/gated", RemoteError, "accept its terms"),
        ("org/other", StoreNotFoundError, "is not a finished data set"),
    ],
)
def test_what_the_hub_does_not_give_is_told(loopback_hub, published, tmp_path, monkeypatch, name, error, said) -> None:
    loopback_hub.add_folder("org/brains", published / "v1.0.0")
    loopback_hub.add_folder("org/private", published / "v1.0.0", private=True)
    loopback_hub.add_folder("org/gated", published / "v1.0.0", gated=True)
    loopback_hub.create("org/other")
    point_at(loopback_hub, tmp_path / "home", monkeypatch, token=STRANGER)
    with pytest.raises(error, match=said) as caught:
        fetch(name, tmp_path / "copy")
    assert STRANGER not in str(caught.value)
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize("kind", ["folder", "hub"])
def test_a_collection_comes_whole_or_one_data_set_of_it(sealed_store, loopback_hub, tmp_path, kind) -> None:
    root = collection(sealed_store, tmp_path / "both")
    source = "org/both" if kind == "hub" else str(tmp_path / "shelf")
    publish(root, source)
    done = fetch(source, tmp_path / "copy")
    assert set(done.manifests) == {"coarse", "fine"}
    assert contents(tmp_path / "copy") == contents(root)
    assert fetch(source, tmp_path / "copy").finished_before
    one = fetch(source, tmp_path / "one", config="fine", splits=["train"], where="age > 60")
    assert set(one.manifests) == {""}
    assert store.verify(tmp_path / "one").problems == ()
    with pytest.raises(QueryError, match="has no configuration 'finest'; it has coarse, fine"):
        fetch(source, tmp_path / "none", config="finest")


def test_the_lock_names_no_folder_of_this_machine_and_no_secret(published, tmp_path) -> None:
    done = fetch(published, tmp_path / "copy", splits=["train"])
    assert done.manifests[""].lock["fetched"]["source"] == ""
    with RangeServer(published / "v1.0.0") as server:
        address = server.url.replace("http://", "http://user:s3cret@")
        done = fetch(address, tmp_path / "http", splits=["train"])
    assert "s3cret" not in done.manifests[""].to_bytes().decode()
    assert done.manifests[""].lock["fetched"]["source"].startswith("http://***@127.0.0.1")
