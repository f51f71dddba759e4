"""One cached shard, by the numbers of its inner chunks."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ..shards import MISSING
from .sparse_file import runs_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray

    from .sparse_file import SparseFile

__all__ = ["CachedShard", "marks_of"]

_HASH_BLOCK: Final = 4 * 2**20
_BLOCK: Final = 4096
"""Of most file systems. A run of bytes takes at most two more than it fills, one at each end."""


def marks_of(chunks: int) -> int:
    """Marks of a shard: one for each inner chunk, one for the index, one for its sha256, once that was found right."""
    return chunks + 2


class CachedShard:
    """What is there of one shard. Methods may be called from many threads, and by a process forked since.

    It goes on working, with what it has, after it is evicted; so it is good for a batch, and the next
    `Cache.open_shard` gives one that others see. Numbers are those of inner chunks in the shard's index.

    Args:
        sha256, size: of the shard file.
        chunks: inner chunks of a full shard: entries of its index.
        file: None where there is no cache to be had.
        kept: called after something was written, with the bytes that it takes on the disk at most.
        failed: called with what kept them from being written.
    """

    def __init__(
        self,
        sha256: str,
        size: int,
        chunks: int,
        *,
        file: SparseFile | None,
        kept: Callable[[int], None],
        failed: Callable[[OSError], None],
    ) -> None:
        self.sha256 = sha256
        self.size = size
        self.chunks = chunks
        self._file = file
        self._kept = kept
        self._failed = failed
        self._index_mark, self._whole_mark = chunks, chunks + 1
        # pieces whose marks could not be taken away: the cache may be read-only
        self._torn: set[int] = set()

    def touch(self) -> bool:
        """Write down that it is in use; returns whether this still is what others see."""
        return self._file is not None and self._file.touch()

    def have(self, numbers: ArrayLike) -> NDArray[np.bool_]:
        """Which chunks are there; one small read, as other processes add some. Those that are all background never are.

        Raises:
            IndexError: a number is not of this shard.
        """
        return self._have(self._checked(numbers))

    def read_into(self, start: int, out: memoryview) -> bool:
        """Fill `out` with the bytes from `start`. They are not checked.

        Returns:
            False if not all of them could be read: the file was cut off, or the disk failed. Their place is filled with
            zeros, so that nothing that was in `out` is taken for them. Forget the pieces and fetch them.
        """
        out = out.cast("B")
        done = self._file.read_into(start, out) if self._file else 0
        out[done:] = bytes(len(out) - done)
        return done == len(out)

    def keep(self, numbers: ArrayLike, starts: ArrayLike, pieces: Sequence[bytes | memoryview | NDArray[Any]]) -> bool:
        """Write chunks and mark them. Only keep what has passed its checksum.

        Those that follow each other in the shard are written together if they do so in the arguments.

        Args:
            numbers: of the chunks.
            starts: where they begin in the shard.
            pieces: their bytes.

        Returns:
            whether they were kept: not if the disk is full or the cache is read-only, of which a warning tells once.

        Raises:
            IndexError: a number is not of this shard, or a piece leaves it.
        """
        wanted = self._checked(numbers)
        runs = list(runs_of(np.asarray(starts, np.int64).tolist(), map(_as_bytes, pieces)))
        for start, run in runs:
            if start < 0 or start + sum(map(len, run)) > self.size:
                msg = f"a piece of {sum(map(len, run))} bytes at {start} is not inside a shard of {self.size} bytes"
                raise IndexError(msg)
        return self._keep(runs, wanted)

    def forget(self, numbers: ArrayLike) -> None:
        """Count chunks as not there, as their bytes turned out wrong: `have` says so from now on."""
        self._forget(self._checked(numbers))

    def index(self) -> bytes | None:
        """The index at the end of the shard, its crc32c included; None where it is not there or torn."""
        if not self._have(np.array([self._index_mark]))[0]:
            return None
        from crc32c import crc32c

        tail = bytearray(self._index_bytes)
        self.read_into(self.size - len(tail), memoryview(tail))  # zeros fail the checksum
        return bytes(tail) if crc32c(tail[:-4]) == int.from_bytes(tail[-4:], "little") else None

    def keep_index(self, tail: bytes) -> bool:
        """Write the index; as `keep`.

        Raises:
            IndexError: `tail` does not have the size of the index.
        """
        if len(tail) != self._index_bytes:
            msg = f"the index of {self.chunks} chunks has {self._index_bytes} bytes, got {len(tail)}"
            raise IndexError(msg)
        return self._keep([(self.size - len(tail), [memoryview(tail)])], np.array([self._index_mark]))

    def forget_index(self) -> None:
        """Count the index as not there; `index` finds out about a wrong checksum itself."""
        self._forget(np.array([self._index_mark]))

    def verify(self) -> bool:
        """Whether the whole shard is there and has its sha256. Hashed once; a mark remembers it.

        A shard with the wrong sha256 is forgotten altogether. A checksum tells what was damaged by accident; only
        this tells that the bytes are those that the manifest means.
        """
        if self._file is None or not self._is_whole():
            return False
        if self._have(np.array([self._whole_mark]))[0]:
            return True
        digest, block = hashlib.sha256(), memoryview(bytearray(min(_HASH_BLOCK, self.size)))
        for start in range(0, self.size, len(block)):
            part = block[: self.size - start]
            self.read_into(start, part)
            digest.update(part)
        right = digest.hexdigest() == self.sha256
        if right:
            try:
                self._file.mark(np.array([self._whole_mark]), 1)
            except OSError as error:
                self._failed(error)
        else:
            self._forget(np.arange(self.chunks + 1))
        return right

    @property
    def _index_bytes(self) -> int:
        return 16 * self.chunks + 4

    def _checked(self, numbers: ArrayLike) -> NDArray[np.int64]:
        wanted = np.asarray(numbers, np.int64).reshape(-1)
        if wanted.size and not 0 <= int(wanted.min()) <= int(wanted.max()) < self.chunks:
            msg = f"a shard of {self.chunks} chunks has no chunks {int(wanted.min())} to {int(wanted.max())}"
            raise IndexError(msg)
        return wanted

    def _have(self, numbers: NDArray[np.int64]) -> NDArray[np.bool_]:
        if self._file is None or not numbers.size:
            return np.zeros(len(numbers), bool)
        first, last = int(numbers.min()), int(numbers.max())
        there = self._file.marks(first, last + 1)[numbers - first]
        if self._torn:
            there &= ~np.isin(numbers, list(self._torn))
        return there

    def _keep(self, runs: Sequence[tuple[int, list[memoryview]]], numbers: NDArray[np.int64]) -> bool:
        if self._file is None:
            return False
        try:
            for start, run in runs:
                self._file.write(start, run)
            self._file.mark(numbers, 1)
        except OSError as error:
            self._failed(error)
            return False
        self._torn.difference_update(numbers.tolist())
        written = sum(len(piece) for _, run in runs for piece in run)
        self._kept(written + 2 * _BLOCK * (len(runs) + 1))
        return True

    def _forget(self, numbers: NDArray[np.int64]) -> None:
        if self._file is None:
            return
        # then the whole is not there either
        gone = np.append(numbers, self._whole_mark)
        try:
            self._file.mark(gone, 0)
        except OSError:
            self._torn.update(gone.tolist())

    def _is_whole(self) -> bool:
        tail = self.index()
        if tail is None:
            return False
        start, size = np.frombuffer(tail[:-4], "<u8").reshape(-1, 2).T
        there = np.flatnonzero(start != MISSING)
        return int(size[there].sum()) + len(tail) == self.size and bool(self._have(there).all())


def _as_bytes(piece: bytes | memoryview | NDArray[Any]) -> memoryview:
    return (piece.data if isinstance(piece, np.ndarray) else memoryview(piece)).cast("B")
