"""Versions beside each other in a folder and in object storage: published, opened, loaded, fetched."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from published_stores import SHARD, carded, next_version
from publishing_forks import Forks
from static_server import static_server
from tiny_factory import contents

from voxpress import store
from voxpress.builder import load_dataset
from voxpress.builder.fetching import fetch
from voxpress.builder.publishing import publish
from voxpress.errors import CorruptError, PublishError, RemoteError, StoreExistsError, StoreNotFoundError
from voxpress.loaders import VolumeStream
from voxpress.store.bucket import Bucket
from voxpress.store.sources.objects import ObjectSource

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def stores(sealed_store, tmp_path_factory):
    folder = tmp_path_factory.mktemp("versions")
    first = carded(shutil.copytree(sealed_store, folder / "first"))
    return first, next_version(first, folder / "second")


@pytest.fixture(params=["folder", "s3"])
def target(request, tmp_path):
    if request.param == "folder":
        return str(tmp_path / "shelf")
    return f"{request.getfixturevalue('bucket')}/data/shelf"


def same_voxels(one, other) -> None:
    assert one.table.equals(other.table)
    for row in range(len(other)):
        np.testing.assert_array_equal(one.read(row, "label"), other.read(row, "label"))


def test_a_version_is_there_beside_the_others(target, stores) -> None:
    first, second = stores
    done = publish(first, target)
    assert (done.address, done.finished_before) == (f"{target}@v1.0.0", False)
    assert len(done.missing) == len(contents(first))
    same_voxels(store.open(target), store.open(first))
    assert publish(second, target).address == f"{target}@v2.0.0"
    assert store.open(target).manifest.digest == store.open(second).manifest.digest
    assert store.open(f"{target}@v1.0.0").manifest.digest == store.open(first).manifest.digest
    same_voxels(store.open(f"{target}@v1.0.0"), store.open(first))
    again = publish(first, target)
    assert again.finished_before
    assert again.missing == ()
    with pytest.raises(
        StoreNotFoundError, match=r"there is no version 'v3' at .*; its versions are v1\.0\.0, v2\.0\.0"
    ):
        store.open(f"{target}@v3")


def test_an_older_version_does_not_become_the_latest(target, stores, tmp_path) -> None:
    first, second = stores
    publish(second, target)
    publish(first, target)
    publish(next_version(first, tmp_path / "rc", "3.0.0-rc.1"), target)
    assert store.open(target).manifest.version == "2.0.0"
    assert store.open(f"{target}@v3.0.0-rc.1").manifest.version == "3.0.0-rc.1"


def test_a_dry_run_writes_nothing(target, stores) -> None:
    shown = publish(stores[0], target, dry_run=True)
    assert shown.for_show
    assert [file.path for file in shown.missing] == [file.path for file in shown.contents.files]
    assert shown.contents.files[-1].path == "voxpress.json"
    with pytest.raises(StoreNotFoundError):
        store.open(target)


def test_a_version_never_changes(target, stores, tmp_path) -> None:
    first, _ = stores
    publish(first, target)
    other = next_version(first, tmp_path / "other", "1.0.0", seed=5)
    with pytest.raises(StoreExistsError, match=r"has a version v1\.0\.0 already, .* a new version number"):
        publish(other, target)
    with pytest.raises(StoreExistsError, match="a version never changes"):
        publish(other, target, dry_run=True)
    assert store.open(target).manifest.digest == store.open(first).manifest.digest


def test_two_publishers_lose_nothing_of_each_other(target, stores, tmp_path) -> None:
    first, second = stores
    roots = [first, second, *(next_version(first, tmp_path / f"v{n}", f"{n}.0.0", seed=n) for n in (3, 4))]
    barrier = threading.Barrier(len(roots))

    def one(root):
        barrier.wait(20)
        return publish(root, target)

    with ThreadPoolExecutor(len(roots)) as pool:
        list(pool.map(one, roots))
    for version, root in zip("1234", roots, strict=True):
        assert store.open(f"{target}@v{version}.0.0").manifest.digest == store.open(root).manifest.digest
    assert store.open(target).manifest.version == "4.0.0"


def test_two_data_sets_cannot_become_one_version(target, stores, tmp_path, monkeypatch) -> None:
    """The second begins while the first is at work."""
    first, _ = stores
    other = next_version(first, tmp_path / "other", "1.0.0", seed=5)
    met = []

    def meddle(step) -> None:
        if step.doing == "sending" and not met and step.files_done:
            met.append(step)
            with pytest.raises(StoreExistsError, match="is unfinished and of another data set"):
                publish(other, target)

    publish(first, target, progress=meddle)
    assert met
    assert store.open(target).manifest.digest == store.open(first).manifest.digest


def test_a_card_that_was_edited_after_a_crash_is_the_one_that_is_published(stores, tmp_path, monkeypatch) -> None:
    first = shutil.copytree(stores[0], tmp_path / "first")
    target = tmp_path / "shelf"

    def stop(step) -> None:
        if step.files_done == step.files_total - 1 > 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        publish(first, target, progress=stop)
    card = (first / "README.md").read_text()
    (first / "README.md").write_text(card.replace("# tiny", "# TINY"))
    done = publish(first, target)
    assert [file.path for file in done.missing] == ["README.md", "voxpress.json"]
    assert contents(target / "v1.0.0") == contents(first)


def test_killed_at_each_request_a_bucket_is_finished_by_the_same_command(s3, bucket, stores, tmp_path) -> None:
    first, _ = stores
    expected = {file.path: file.record.bytes for file in publish(first, f"{bucket}/probe", dry_run=True).contents.files}
    environment = {**os.environ, **s3.environment}
    with Forks(environment, tmp_path) as forks:
        for point in range(0, 200, 3):
            target = f"{bucket}/{point}"
            ended = forks.start("publish", first, target, kill_at=("object", point)).wait()
            if ended.code == 0:
                break
            assert ended.code == -signal.SIGKILL, ended.text
            with pytest.raises(StoreNotFoundError):
                store.open(target)
            there = Bucket(ObjectSource(target)).sizes("v1.0.0")
            left = {file.path for file in publish(first, target, dry_run=True).missing}
            assert left == {path for path in expected if f"v1.0.0/{path}" not in there}
            ended = forks.start("publish", first, target).wait()
            assert ended.code == 0, ended.text
            assert store.open(target).manifest.digest == store.open(first).manifest.digest
        assert point > len(expected)


@pytest.mark.parametrize(
    ("damage", "error", "said"),
    [
        (
            "flip",
            CorruptError,
            "is not sound, so it is not published: volumes/train.zarr/image/c.1.0.0.0 does not have",
        ),
        ("gone", CorruptError, "c.1.0.0.0 is missing"),
        ("more", CorruptError, "notes.txt is not in the manifest"),
        ("unfinished", StoreNotFoundError, "unfinished"),
        ("nothing", StoreNotFoundError, "there is nothing at"),
    ],
)
def test_a_store_that_is_not_sound_is_not_published(stores, tmp_path, damage, error, said) -> None:
    root = shutil.copytree(stores[0], tmp_path / "damaged")
    if damage == "flip":
        data = bytearray((root / SHARD).read_bytes())
        data[3] ^= 1
        (root / SHARD).write_bytes(data)
    elif damage == "gone":
        (root / SHARD).unlink()
    elif damage == "more":
        (root / "notes.txt").write_text("x")
    elif damage == "unfinished":
        (root / "voxpress.json").unlink()
        (root / store.WORK_FOLDER).mkdir()
    else:
        root = tmp_path / "nowhere"
    with pytest.raises(error, match=said):
        publish(root, tmp_path / "shelf")
    assert not (tmp_path / "shelf").exists()


def test_a_target_that_is_something_else_is_refused(stores, tiny_store, tmp_path) -> None:
    first, _ = stores
    before = contents(tiny_store)
    with pytest.raises(PublishError, match="is a data set itself"):
        publish(first, tiny_store)
    with pytest.raises(PublishError, match="lies in the data set"):
        publish(carded(tiny_store), tiny_store / "shelf")
    (tmp_path / "file").write_text("x")
    with pytest.raises(PublishError, match="is a file"):
        publish(first, tmp_path / "file")
    (tmp_path / "shelf" / "v1.0.0").mkdir(parents=True)
    (tmp_path / "shelf" / "v1.0.0" / "mine.txt").write_text("x")
    with pytest.raises(
        StoreExistsError, match=r"is not empty, and holds no unfinished version of voxpress \(mine\.txt"
    ):
        publish(first, tmp_path / "shelf")
    assert contents(tmp_path / "shelf") == {"v1.0.0/mine.txt": contents(tmp_path)["file"]}
    (tiny_store / "README.md").unlink()
    shutil.rmtree(tiny_store / "quality")
    assert contents(tiny_store) == before


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("name", "must be org/name on the Hub, a folder"),
        ("https://example.org/data", "does not write to https:// addresses"),
        ("ftp://example.org/data", "does not write to ftp:// addresses"),
        ("org/name@v1.0.0", r"must be the repository org/name itself, .* name the version with --tag"),
        ("s3://", "must be s3://bucket/folder"),
    ],
)
def test_a_target_that_is_none_is_refused(stores, target, said, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PublishError, match=said):
        publish(stores[0], target)
    assert list(tmp_path.iterdir()) == []


def test_a_bucket_that_is_not_there_is_told(s3, bucket, stores) -> None:
    with pytest.raises((RemoteError, CorruptError), match="s3://no-such-bucket"):
        publish(stores[0], "s3://no-such-bucket/shelf")


@pytest.mark.parametrize("text", ["[]", "{}", '{"format_version": 2}', "not JSON"])
def test_a_list_of_versions_that_is_damaged_is_told(stores, tmp_path, text) -> None:
    publish(stores[0], tmp_path / "shelf")
    (tmp_path / "shelf" / "versions.json").write_text(text)
    with pytest.raises(ValueError, match=r"versions\.json"):
        store.open(str(tmp_path / "shelf"))


def test_a_list_of_versions_leads_nowhere_else(stores, tmp_path) -> None:
    publish(stores[0], tmp_path / "shelf")
    path = tmp_path / "shelf" / "versions.json"
    document = json.loads(path.read_bytes())
    document["versions"]["../.."] = document["versions"].pop("v1.0.0")
    path.write_text(json.dumps(document))
    with pytest.raises(ValueError, match=r"names the version '\.\./\.\.', which must match"):
        store.open(str(tmp_path / "shelf"))


def test_a_folder_is_read_over_http(stores, tmp_path) -> None:
    """By the static files of a web server that is not ours."""
    first, second = stores
    for root in stores:
        publish(root, tmp_path / "shelf")
    with static_server(tmp_path) as address:
        cohort = store.open(f"{address}/shelf@v1.0.0")
        same_voxels(cohort, store.open(first))
        assert store.open(f"{address}/shelf").manifest.digest == store.open(second).manifest.digest
        box = ((2, 9), (5, 13), (0, 18))
        np.testing.assert_array_equal(cohort.read(3, "label", box), store.open(first).read(3, "label", box))
        fetch(f"{address}/shelf@v1.0.0", tmp_path / "copy")
        assert contents(tmp_path / "copy") == contents(first)
        fetch(f"{address}/shelf@v1.0.0", tmp_path / "some", where="sex == 'F'")
        assert store.verify(tmp_path / "some").problems == ()


def test_training_reads_a_bucket(bucket, stores) -> None:
    publish(stores[0], f"{bucket}/brains")
    stream = VolumeStream(store.open(f"{bucket}/brains@v1.0.0"), batch_size=3, keys=("label",), shuffle=True, seed=0)
    seen = [sample for batch in stream for sample in batch["sample_id"]]
    assert sorted(seen) == store.open(stores[0]).table["sample_id"].to_pylist()


@pytest.mark.parametrize("streaming", [False, True], ids=["map", "stream"])
def test_a_version_is_loaded_from_where_it_lies(target, stores, tmp_path, streaming) -> None:
    first, second = stores
    for root in stores:
        publish(root, target)
    for address, root in ((f"{target}@v1.0.0", first), (target, second)):
        rows = load_dataset(address, split="train", streaming=streaming, cache_dir=tmp_path / "cache")
        expected = store.open(root).split("train")
        found = list(rows)
        assert [row["sample_id"] for row in found] == expected.table["sample_id"].to_pylist()
        for number, row in enumerate(found):
            np.testing.assert_array_equal(row["label"].numpy(), expected.read(number, "label"))
