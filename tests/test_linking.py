"""Files that are taken over from another store: whole and right, or not at all."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from mounts import ALONE, may_mount

from voxpress.errors import CorruptError
from voxpress.store.files import hash_file
from voxpress.store.linking import take_over

DATA = bytes(range(256)) * 40_000


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "old" / "shard"
    path.parent.mkdir()
    path.write_bytes(DATA)
    return path


def taken(source, tmp_path, record=None, **options) -> bool:
    return take_over(
        source,
        tmp_path / "new" / "volumes" / "shard",
        "volumes/shard",
        record or hash_file(source),
        scratch=tmp_path / "new" / "scratch",
        **options,
    )


def left(tmp_path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "new").rglob("*") if path.is_file())


def test_a_link_shares_the_bytes(source, tmp_path) -> None:
    assert taken(source, tmp_path)
    assert (tmp_path / "new/volumes/shard").samefile(source)
    assert left(tmp_path) == ["shard"]


def test_a_copy_does_not(source, tmp_path) -> None:
    assert not taken(source, tmp_path, copy=True)
    path = tmp_path / "new/volumes/shard"
    assert not path.samefile(source)
    assert path.read_bytes() == DATA
    assert left(tmp_path) == ["shard"]


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="needs a second file system")
def test_another_file_system_is_copied_to(source) -> None:
    other = Path(tempfile.mkdtemp(dir="/dev/shm"))
    try:
        if other.stat().st_dev == source.stat().st_dev:
            pytest.skip("the same file system")
        assert not taken(source, other)
        assert (other / "new/volumes/shard").read_bytes() == DATA
    finally:
        shutil.rmtree(other)


def test_again_is_no_fault(source, tmp_path) -> None:
    """A run that was killed after the link, before its record."""
    assert taken(source, tmp_path)
    assert taken(source, tmp_path)
    assert left(tmp_path) == ["shard"]
    assert (tmp_path / "new/volumes/shard").samefile(source)


@pytest.mark.parametrize("copy", [False, True])
@pytest.mark.parametrize("kind", ["checksum", "size", "missing"])
def test_wrong_bytes_are_not_taken(source, tmp_path, copy, kind) -> None:
    record = hash_file(source)
    if kind == "missing":
        source.unlink()
    else:
        source.write_bytes(DATA[:-1] + (b"" if kind == "size" else b"x"))
    with pytest.raises(CorruptError, match="volumes/shard") as caught:
        taken(source, tmp_path, record, copy=copy)
    assert caught.value.kind == kind
    assert not (tmp_path / "new").exists() or left(tmp_path) == []


@pytest.mark.skipif(not may_mount(), reason="needs to mount a small disk of its own")
def test_a_full_disk_leaves_nothing(source, tmp_path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    program = (
        "import sys; from pathlib import Path; from voxpress import store; from voxpress.errors import DiskFullError\n"
        "source, disk = map(Path, sys.argv[1:])\n"
        "try: store.take_over(source, disk / 'new/shard', 'shard', store.hash_file(source), scratch=disk / 'scratch')\n"
        "except DiskFullError as error: print(error)\n"
        "print([path.name for path in disk.rglob('*') if path.is_file()])"
    )
    mounted = 'mount -t tmpfs -o size=64k none "$1" && "$2" -c "$3" "$4" "$1"'
    done = subprocess.run(
        [*ALONE, "sh", "-c", mounted, "sh", str(disk), sys.executable, program, str(source)],
        capture_output=True,
        text=True,
        check=True,
    )
    told, left = done.stdout.splitlines()
    assert "no room left for" in told
    assert "free some and run the same command again to resume" in told
    assert left == "[]"
