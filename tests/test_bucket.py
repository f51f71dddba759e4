"""Writing to a bucket: what others have changed meanwhile is seen, and what has gone is no error."""

from __future__ import annotations

import pytest

from voxpress.errors import CorruptError
from voxpress.store.bucket import Bucket
from voxpress.store.sources.objects import ObjectSource
from voxpress.store.sources.process import PerProcess

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(params=["s3", "local"])
def place(request, monkeypatch, tmp_path):
    """A bucket of S3, and one whose library raises at what is not there, as that of Google Cloud Storage does."""
    if request.param == "s3":
        return Bucket(ObjectSource(f"{request.getfixturevalue('bucket')}/folder"))
    from obstore.store import LocalStore

    monkeypatch.setattr("voxpress.store.sources.objects._OPENED", PerProcess(dict))
    monkeypatch.setattr("voxpress.store.sources.objects._store_of", lambda _: LocalStore(tmp_path))
    return Bucket(ObjectSource("gs://bucket/folder"))


def test_what_is_written_is_there(place, tmp_path) -> None:
    file = tmp_path.parent / f"{tmp_path.name}.bin"
    file.write_bytes(b"x" * 20_000_000)
    place.put("volumes/a", file)
    place.put("volumes/b/c", b"small")
    place.put("top", b"")
    assert place.names() == {"volumes", "top"}
    assert place.sizes("volumes") == {"volumes/a": 20_000_000, "volumes/b/c": 5}
    assert place.sizes("vol") == {}
    assert place.read("volumes/b/c")[0] == b"small"
    assert place.read("volumes/none") is None
    with pytest.raises(CorruptError, match=r"volumes/a at .* has 20000000 bytes, the limit is 9"):
        place.read("volumes/a", most=9)
    file.unlink()


def test_who_comes_second_sees_it(place) -> None:
    assert place.swap("order", b"mine", None)
    assert place.swap("order", b"mine", None), "an answer that was lost"
    assert not place.swap("order", b"yours", None)
    assert place.read("order")[0] == b"mine"


@pytest.mark.parametrize("gone", [0, 1, 3])
def test_what_has_gone_is_no_error(place, gone) -> None:
    paths = [f"work/{number}" for number in range(4)]
    for path in [*paths, "kept"]:
        place.put(path, b"x")
    place.delete([paths[gone]])
    place.delete(paths)
    place.delete([])
    assert place.sizes("work") == {}
    assert place.read("kept")[0] == b"x"


def test_more_are_deleted_than_one_request_can(place) -> None:
    paths = [f"work/{number}" for number in range(1100)]
    for path in paths[::100]:
        place.put(path, b"x")
    place.delete(paths)
    assert place.sizes("work") == {}
