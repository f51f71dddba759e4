"""The file of one cached shard: each piece at its own place of the shard, and a mark for it once it is there.

The file holds, one after the other:

1. the bytes of the shard, at their own offsets; those that were not fetched are a hole;
2. marks, a byte each: 1 for what is there, else 0;
3. whose it is: `_MAGIC`, the size of the shard and the number of marks (uint64, little endian), its sha256.

All of it is one file because marks and bytes then come and go together: whoever opens it sees the marks of those very
bytes, also while other processes fill, evict or heal it. The marks are at the end, so a file that is cut off loses
marks before it loses bytes.

Bytes are written before their mark and not flushed. A process that is killed between the two leaves a piece that counts
as not there. After a power cut a mark may be there without its bytes, and a disk may flip bits: checksums find that.
"""

from __future__ import annotations

import os
import struct
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import numpy as np

from .folder import open_file, remove_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["SparseFile", "open_sparse_file", "runs_of"]

_MAGIC: Final = b"voxcach1"
_MOST_BUFFERS: Final = 512
"""In one system call; POSIX systems take 1,024."""
_TOUCH_S: Final = 30
"""The last use is written down no more often; it only decides what is evicted first."""


class SparseFile:
    """An open file. It holds no lock: threads, and processes forked since, may use it at once.

    Args:
        handle: descriptor, closed with this object; a closed number may come to mean another file, so only the last
            who reads from it lets it go.
        sha256, size: of the shard.
        marks: number of marks.
    """

    def __init__(self, handle: int, sha256: str, size: int, marks: int) -> None:
        self._handle = handle
        self._size = size
        self._owner = _MAGIC + struct.pack("<QQ", size, marks) + bytes.fromhex(sha256)
        self._total = size + marks + len(self._owner)

    def __del__(self) -> None:
        with suppress(OSError):
            os.close(self._handle)

    def prepare(self) -> bool:
        """Make a new file that of the shard.

        Returns:
            False if it is not new and not of the shard: cut off, or foreign.

        Raises:
            OSError: it cannot be read or written.
        """
        # several processes may be here at once, all writing the same
        if os.fstat(self._handle).st_size == 0:
            os.truncate(self._handle, self._total)
        if os.fstat(self._handle).st_size != self._total:
            return False
        place = self._total - len(self._owner)
        if os.pread(self._handle, len(self._owner), place) == self._owner:
            return True
        if os.pread(self._handle, self._total - self._size, self._size).strip(b"\0"):
            return False
        _write(self._handle, [memoryview(self._owner)], place)
        return True

    def touch(self) -> bool:
        """Write down that it is in use.

        Returns:
            whether this still is the file that others see, and of the right size.
        """
        try:
            status = os.fstat(self._handle)
        except OSError:
            return False
        if time.time() - status.st_mtime > _TOUCH_S:
            with suppress(OSError):
                os.utime(self._handle)
        return status.st_nlink > 0 and status.st_size == self._total

    @property
    def inode(self) -> int:
        """Number of the file in its file system."""
        return os.fstat(self._handle).st_ino

    def read_into(self, start: int, out: memoryview) -> int:
        """Fill `out` with the bytes from `start`; returns how many could be read."""
        done = 0
        with suppress(OSError):
            while done < len(out) and (count := os.preadv(self._handle, [out[done:]], start + done)):
                done += count
        return done

    def write(self, start: int, run: list[memoryview]) -> None:
        """Write buffers one after the other.

        Raises:
            OSError: the disk is full, or the file cannot be written.
        """
        _write(self._handle, run, start)

    def marks(self, first: int, stop: int) -> NDArray[np.bool_]:
        """What is marked of a range; a mark that cannot be read counts as none."""
        marks = b""
        with suppress(OSError):
            marks = os.pread(self._handle, stop - first, self._size + first)
        there: NDArray[np.bool_] = np.frombuffer(marks.ljust(stop - first, b"\0"), np.uint8) == 1
        return there

    def mark(self, numbers: NDArray[np.int64], value: int) -> None:
        """Set some marks to 0 or 1.

        Raises:
            OSError: the disk is full, or the file cannot be written.
        """
        ordered = np.unique(numbers)
        for run in np.split(ordered, np.flatnonzero(np.diff(ordered) > 1) + 1):
            if run.size:
                _write(self._handle, [memoryview(bytes([value]) * run.size)], self._size + int(run[0]))


def open_sparse_file(folder: Path, sha256: str, size: int, marks: int, *, write: bool) -> SparseFile:
    """Open the file of a shard; one that is cut off or foreign is replaced.

    Args:
        folder: of the cache; it is claimed.
        sha256: of the shard.
        size: of the shard in bytes.
        marks: number of marks.
        write: whether it may be made and written.

    Raises:
        OSError: it is not there or torn and cannot be made, or cannot be opened.
    """
    for _ in range(3):
        file = SparseFile(open_file(folder, sha256, write=write), sha256, size, marks)
        if file.prepare():
            file.touch()
            return file
        remove_file(folder, sha256, inode=file.inode)
    msg = f"the file of shard {sha256} is torn, and again after it was made anew"
    raise OSError(msg)


def runs_of(starts: Iterable[int], pieces: Iterable[memoryview]) -> Iterator[tuple[int, list[memoryview]]]:
    """Pieces that follow each other, as one write each: where it starts, and its buffers."""
    run: list[memoryview] = []
    begin = end = 0
    for start, piece in zip(starts, pieces, strict=True):
        if run and (start != end or len(run) == _MOST_BUFFERS):
            yield begin, run
            run = []
        if not run:
            begin = end = start
        run.append(piece)
        end += len(piece)
    if run:
        yield begin, run


def _write(handle: int, run: list[memoryview], start: int) -> None:
    """Write buffers one after the other, all of them."""
    total = sum(map(len, run))
    done = os.pwritev(handle, run, start)
    if done < total:
        # rare: a disk that fills up
        rest = memoryview(b"".join(run))
        while done < total:
            done += os.pwrite(handle, rest[done:], start + done)
