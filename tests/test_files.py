from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import pytest

from voxpress import store
from voxpress.errors import CorruptError, DiskFullError
from voxpress.store.files import read_whole


def test_a_file_is_written_whole_and_recorded(tmp_path) -> None:
    record = store.write_atomic(tmp_path / "a" / "b.bin", b"bytes", scratch=tmp_path / "scratch")
    assert (tmp_path / "a" / "b.bin").read_bytes() == b"bytes"
    assert record == store.FileRecord(5, hashlib.sha256(b"bytes").hexdigest())
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_file_is_replaced(tmp_path) -> None:
    store.write_atomic(tmp_path / "a", b"old", scratch=tmp_path)
    store.write_atomic(tmp_path / "a", b"new", scratch=tmp_path)
    assert (tmp_path / "a").read_bytes() == b"new"


def test_others_may_read_what_the_umask_lets_them(tmp_path) -> None:
    store.write_atomic(tmp_path / "a", b"x", scratch=tmp_path)
    (tmp_path / "b").write_bytes(b"x")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_leaves_the_old_file_and_no_scrap(tmp_path, monkeypatch, code) -> None:
    store.write_atomic(tmp_path / "a", b"old", scratch=tmp_path / "scratch")

    def full(_: int) -> None:
        raise OSError(code, "full")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFullError, match="resume"):
        store.write_atomic(tmp_path / "a", b"new", scratch=tmp_path / "scratch")
    assert (tmp_path / "a").read_bytes() == b"old"
    assert list((tmp_path / "scratch").iterdir()) == []


def test_an_interrupt_leaves_no_scrap(tmp_path, monkeypatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        store.write_atomic(tmp_path / "a", b"new", scratch=tmp_path / "scratch")
    assert not (tmp_path / "a").exists()
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_file_is_hashed_as_a_stream(tmp_path) -> None:
    data = os.urandom(9 * 2**20)
    (tmp_path / "a").write_bytes(data)
    blocks: list[int] = []
    assert store.hash_file(tmp_path / "a", progress=blocks.append).sha256 == hashlib.sha256(data).hexdigest()
    assert blocks[-1] == len(data)
    assert blocks == sorted(blocks)
    assert len(blocks) > 1


def test_reading_has_a_limit_before_allocating(tmp_path) -> None:
    with (tmp_path / "a").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(CorruptError, match="the limit is 10") as caught:
        read_whole(tmp_path / "a", "a", most=10)
    assert caught.value.kind == "size"


def test_reading_holds_a_file_against_its_record(tmp_path) -> None:
    record = store.write_atomic(tmp_path / "a", b"right", scratch=tmp_path)
    (tmp_path / "a").write_bytes(b"wrong")
    with pytest.raises(CorruptError, match="sha256") as caught:
        read_whole(tmp_path / "a", "a", most=10, record=record)
    assert caught.value.kind == "checksum"


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.mkdir(), os.mkfifo], ids=["none", "dir", "pipe"])
def test_what_is_not_a_plain_file_is_missing(tmp_path, make) -> None:
    make(tmp_path / "a")
    with pytest.raises(CorruptError) as caught:
        read_whole(tmp_path / "a", "a", most=10)
    assert caught.value.kind == "missing"
