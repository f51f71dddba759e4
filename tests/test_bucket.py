"""Writing to a bucket: what others have changed meanwhile is seen, and what has gone is no error."""

from __future__ import annotations

import pytest
from s3_server import s3_server

from voxpress.errors import CorruptError
from voxpress.store.bucket import Bucket
from voxpress.store.sources.objects import ObjectSource
from voxpress.store.sources.process import PerProcess

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def s3():
    with s3_server() as server:
        yield server


@pytest.fixture(params=["s3", "local"])
def bucket(request, s3, monkeypatch, tmp_path):
    """A bucket of S3, and one whose library raises at what is not there, as that of Google Cloud Storage does."""
    if request.param == "s3":
        s3.set(monkeypatch)
        return Bucket(ObjectSource(f"{s3.bucket(f'bucket-{abs(hash(request.node.nodeid))}')}/folder"))
    from obstore.store import LocalStore

    monkeypatch.setattr("voxpress.store.sources.objects._OPENED", PerProcess(dict))
    monkeypatch.setattr("voxpress.store.sources.objects._store_of", lambda _: LocalStore(tmp_path))
    return Bucket(ObjectSource("gs://bucket/folder"))


def test_what_is_written_is_there(bucket, tmp_path) -> None:
    file = tmp_path.parent / f"{tmp_path.name}.bin"
    file.write_bytes(b"x" * 20_000_000)
    bucket.put("volumes/a", file)
    bucket.put("volumes/b/c", b"small")
    bucket.put("top", b"")
    assert bucket.names() == {"volumes", "top"}
    assert bucket.sizes("volumes") == {"volumes/a": 20_000_000, "volumes/b/c": 5}
    assert bucket.sizes("vol") == {}
    assert bucket.read("volumes/b/c")[0] == b"small"
    assert bucket.read("volumes/none") is None
    with pytest.raises(CorruptError, match=r"volumes/a at .* has 20000000 bytes, the limit is 9"):
        bucket.read("volumes/a", most=9)
    file.unlink()


def test_who_comes_second_sees_it(bucket) -> None:
    assert bucket.swap("order", b"mine", None)
    assert bucket.swap("order", b"mine", None), "an answer that was lost"
    assert not bucket.swap("order", b"yours", None)
    assert bucket.read("order")[0] == b"mine"


@pytest.mark.parametrize("gone", [0, 1, 3])
def test_what_has_gone_is_no_error(bucket, gone) -> None:
    paths = [f"work/{number}" for number in range(4)]
    for path in [*paths, "kept"]:
        bucket.put(path, b"x")
    bucket.delete([paths[gone]])
    bucket.delete(paths)
    bucket.delete([])
    assert bucket.sizes("work") == {}
    assert bucket.read("kept")[0] == b"x"


def test_more_are_deleted_than_one_request_can(bucket) -> None:
    paths = [f"work/{number}" for number in range(1100)]
    for path in paths[::100]:
        bucket.put(path, b"x")
    bucket.delete(paths)
    assert bucket.sizes("work") == {}
