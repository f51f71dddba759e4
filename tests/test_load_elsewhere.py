"""`load_dataset` from web servers, object storage, and whatever else fsspec reads."""

import pickle

import datasets
import numpy as np
import pytest
import tiny_store as tiny
from range_server import Faults, RangeServer
from torch.utils.data import DataLoader

import voxpress as vp
from voxpress.store.cache import cache_of
from voxpress.store.sources.process import PerProcess

TRAIN = [index for index in range(10) if index != tiny.HOLE]
both = pytest.mark.parametrize("streaming", [False, True], ids=["map", "stream"])


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    datasets.disable_progress_bars()
    monkeypatch.setattr("voxpress.store.sources.secrets._KEPT", {})


@pytest.fixture
def server(sealed_store):
    with RangeServer(sealed_store) as running:
        yield running


@pytest.fixture
def load(tmp_path):
    def loaded(path, **options):
        return vp.load_dataset(path, cache_dir=tmp_path / "cache", **options)

    return loaded


def check(rows):
    found = []
    for row in rows:
        np.testing.assert_array_equal(row["image"].numpy(), tiny.voxels(row["index"])["image"])
        found.append(row["index"])
    assert found == TRAIN


@both
def test_a_web_server(server, load, streaming):
    check(load(server.url, split="train", streaming=streaming))
    fetched = [request.path for request in server.log if request.path.endswith(".parquet")]
    assert len(fetched) == 2
    rows = load(server.url, split="train", streaming=streaming, columns=["index", "image"], filters=[("age", "<", 60)])
    assert [row["index"] for row in rows] == [0, 1, 2, 3]
    assert [request.path for request in server.log if request.path.endswith(".parquet")] == fetched, "kept"


def test_a_table_that_is_damaged_in_the_cache_is_fetched_again(server, load, tmp_path):
    load(server.url, split="train")
    (kept,) = (tmp_path / "cache").rglob("train-*.parquet")
    kept.write_bytes(kept.read_bytes()[:-1])
    server.reset()
    assert len(load(server.url, split="train")) == 9
    assert [request.path for request in server.log if "metadata" in request.path] == [f"metadata/{kept.name}"]


def test_object_storage(sealed_store, load, monkeypatch):
    with RangeServer(sealed_store.parent) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url.rstrip("/"))
        monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
        monkeypatch.setenv("AWS_REGION", "us-east-1")
        monkeypatch.setattr("voxpress.store.sources.objects._OPENED", PerProcess(dict))
        # the folder above stands for the bucket's
        monkeypatch.setattr(server, "folder", sealed_store.parent)
        (link := sealed_store.parent / "bucket").mkdir(exist_ok=True)
        if not (link / "brains").exists():
            (link / "brains").symlink_to(sealed_store)
        check(load("s3://bucket/brains", split="train"))


@both
def test_any_file_system(sealed_store, load, streaming):
    from fsspec.implementations.memory import MemoryFileSystem

    files = MemoryFileSystem()
    for path in sealed_store.rglob("*"):
        if path.is_file():
            files.pipe_file(f"/brains/{path.relative_to(sealed_store).as_posix()}", path.read_bytes())
    try:
        check(load("memory://brains", split="train", streaming=streaming))
    finally:
        files.rm("/brains", recursive=True)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_a_password_reaches_workers_and_no_file(sealed_store, load, tmp_path, start):
    """Basic authentication; the server answers 403 to all else."""
    with RangeServer(sealed_store) as server:
        server.token = None
        expected = "Basic dXNlcjpzM2NyZXQ="
        server.answer = lambda method, path, headers: (
            None if headers.get("authorization") == expected else (403, {}, b"")
        )
        address = server.url.replace("http://", "http://user:s3cret@")
        rows = load(address, split="train", columns=["index", "image"])
        assert rows.features["image"].root == server.url.rstrip("/")
        assert b"s3cret" not in pickle.dumps(rows)
        loader = DataLoader(rows, batch_size=3, num_workers=1, multiprocessing_context=start)
        for batch in loader:
            for index, image in zip(batch["index"].tolist(), batch["image"], strict=True):
                np.testing.assert_array_equal(image.numpy(), tiny.voxels(index)["image"])
        rows.map(lambda row: {"more": 1}).save_to_disk(tmp_path / "saved")
        kept = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert kept
        assert not [path for path in kept if b"s3cret" in path.read_bytes()]


def test_a_signed_address_is_in_no_root(sealed_store, load):
    with RangeServer(sealed_store, query=lambda query: query == "sig=s3cret") as server:
        rows = load(f"{server.url}?sig=s3cret", split="train")
        assert rows.features["image"].root == server.url.rstrip("/")
        check(rows)
        with pytest.raises(vp.RemoteError, match="answered 403"):
            load(server.url)


def test_volumes_are_kept_in_a_cache_that_workers_use_too(server, load, tmp_path):
    rows = load(server.url, split="train", columns=["index", "image"], cache=cache_of(tmp_path / "shards", "10MB"))
    list(DataLoader(rows, batch_size=3, num_workers=1, multiprocessing_context="spawn"))
    server.reset()
    for row in rows:
        np.testing.assert_array_equal(row["image"].numpy(), tiny.voxels(row["index"])["image"])
    assert not [request for request in server.log if request.span], "only the manifest is read again"


# --- what goes wrong


def test_an_interrupted_download_goes_on(server, load):
    server.faults = Faults(truncate=1.0, first=1)
    check(load(server.url, split="train"))
    assert any(request.fault for request in server.log)


def test_a_table_that_is_wrong_for_good_is_told(tiny_store, load):
    path = tiny_store / "metadata/train-00000-of-00001.parquet"
    path.write_bytes(path.read_bytes()[:-4] + b"PAR2")
    said = r"metadata/train-00000-of-00001\.parquet .*(sha256|not the table)"
    with RangeServer(tiny_store) as server, pytest.raises(vp.CorruptError, match=said):
        load(server.url, split="train")
    with pytest.raises(vp.CorruptError, match=said):
        load(tiny_store, split="train")


def test_a_server_without_ranges_is_told(server, load):
    rows = load(server.url, split="train")
    server.ranges = False
    with pytest.raises(vp.RemoteError, match=r"does not give ranges of volumes/train.*only the whole file"):
        rows[0]["image"].numpy()


def test_there_is_nothing(load, tmp_path):
    with RangeServer(tmp_path) as server, pytest.raises(vp.StoreNotFoundError, match=r"no voxpress\.json at http"):
        load(server.url)
    with pytest.raises(vp.StoreNotFoundError, match=r"no voxpress\.json at memory://nowhere"):
        load("memory://nowhere")
    with pytest.raises(ValueError, match=r"kind that fsspec knows.*got gopher://"):
        load("gopher://host/brains")
    with pytest.raises(ValueError, match=r"a revision is of a data set on the Hub.*leave out revision='v1'"):
        load("memory://nowhere", revision="v1")
