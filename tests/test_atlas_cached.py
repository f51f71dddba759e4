"""The cache saves time and never changes a value."""

import numpy as np
import pytest

from voxpress.generation.backends.atlas.cached import cached_arrays


class _Build:
    def __init__(self):
        self.times = 0

    def __call__(self):
        self.times += 1
        return {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.ones(4, dtype=np.float32)}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "voxpress"


def test_the_second_call_reads_the_same(folder):
    build = _Build()
    first, digest = cached_arrays("maps", version=1, build=build)
    second, again = cached_arrays("maps", version=1, build=build)
    assert (build.times, digest) == (1, again)
    assert all(np.array_equal(first[key], second[key]) for key in ("a", "b"))
    assert len(list(folder.iterdir())) == 1


def test_another_version_builds_again(folder):
    build = _Build()
    for version in (1, 2):
        cached_arrays("maps", version=version, build=build)
    assert build.times == 2


@pytest.mark.parametrize("damage", ["truncated", "flipped", "text"])
def test_a_damaged_file_is_built_again(folder, damage):
    build = _Build()
    _, digest = cached_arrays("maps", version=1, build=build)
    (path,) = folder.iterdir()
    data = bytearray(path.read_bytes())
    if damage == "truncated":
        data = data[:100]
    elif damage == "text":
        data = bytearray(b"not an archive")
    else:
        where = bytes(data).index(np.float32(4).tobytes())
        data[where + 3] ^= 0xFF
    path.write_bytes(data)

    arrays, again = cached_arrays("maps", version=1, build=build)

    assert (build.times, digest) == (2, again)
    assert arrays["a"][1, 1] == 4


def test_a_folder_that_cannot_be_written_only_costs_time(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    build = _Build()
    for _ in range(2):
        cached_arrays("maps", version=1, build=build)
    assert build.times == 2
