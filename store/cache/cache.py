"""The cache as a value, and what a process has open of it."""

from __future__ import annotations

import os
import threading
import warnings
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .eviction import CacheStatus, evict, status_of
from .folder import claim, default_folder, is_sha256
from .shard import CachedShard, marks_of
from .sizes import parse_bytes
from .sparse_file import SparseFile, open_sparse_file

__all__ = ["Cache", "cache_of"]

_MOST_OPEN = 128
"""Shards that a process keeps open; systems allow a process 256 files or more."""
_STEPS = 50
"""The disk is looked at after each such part of the limit that a process has written."""


@dataclass(frozen=True, slots=True)
class Cache:
    """A folder for pieces of remote shards, and how much it may hold. Pickles; nothing is opened before it is used.

    All jobs of a machine may use one folder at once, with DataLoader workers forked or spawned; where they give
    several limits, the smallest tells. It needs POSIX and starts no thread.

    *The limit* counts bytes on the disk. Each process looks at the folder when it has written a fiftieth of its limit
    (and at its first write), and then evicts down to 49 fiftieths, the shard used last excepted. So one process stays
    within the limit, save for the pieces of one write, and n processes exceed it by at most 2 n - 1 fiftieths and the
    pieces of n writes (where a process has several threads that write: of a write of each). A shard that is evicted
    while it is open takes room until it is asked for again or closed.

    *What is trusted*: a shard is known by the sha256 in its manifest, but pieces are held against their crc32c only,
    as the sha256 needs the whole file. A store made with intent could so leave wrong pieces of a shard that
    another store has too; give stores from untrusted places a folder of their own, or call `CachedShard.verify`.

    Attributes:
        folder: absolute; new, empty, or a cache already.
        limit_bytes: see above; at least the largest shard.
    """

    folder: Path
    limit_bytes: int

    def check_limit(self, largest_shard_bytes: int) -> None:
        """Refuse a limit that not even one shard fits in.

        Args:
            largest_shard_bytes: of the files that will be read, as the manifest has it (the index is part of it).

        Raises:
            ValueError: the limit is less.
        """
        if self.limit_bytes < largest_shard_bytes:
            msg = (
                f"the limit of the cache is {self.limit_bytes} bytes, but the largest shard has {largest_shard_bytes}; "
                f"give at least {largest_shard_bytes}, better ten times as much, or no cache"
            )
            raise ValueError(msg)

    def open_shard(self, sha256: str, size: int, chunks: int) -> CachedShard:
        """What is there of a shard. Ask for it again for each batch: that costs microseconds once it is open.

        Args:
            sha256: of the shard file, from the manifest.
            size: of the shard file in bytes, its index included.
            chunks: inner chunks of a full shard.

        Returns:
            the shard, ready to be filled; one that has and keeps nothing where the folder cannot be used.

        Raises:
            ValueError: `sha256` is not one, `size` has no room for the index, or the folder is not a cache.
        """
        return _opened(self).shard(sha256, size, chunks)

    def status(self) -> CacheStatus:
        """Count what it holds; takes some milliseconds for each thousand shards."""
        return status_of(self.folder, self.limit_bytes)


def cache_of(folder: str | os.PathLike[str] | None, limit: int | str) -> Cache:
    """A cache in a folder, which is made if need be.

    Args:
        folder: None for `default_folder`.
        limit: bytes, or text such as ``"20GB"``.

    Raises:
        ValueError: the limit is not a size; or the folder holds something that is not a cache of this voxpress.
        NotImplementedError: not on POSIX.
    """
    if os.name != "posix":
        msg = "the shard cache needs Linux or macOS; leave it out, or download the store first"
        raise NotImplementedError(msg)
    path = default_folder() if folder is None else Path(folder).expanduser().absolute()
    cache = Cache(path, parse_bytes(limit))
    _opened(cache).claim()
    return cache


class _Opened:
    """What this process has open of a cache."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._lock = threading.Lock()
        self._evicting = threading.Lock()
        self._shards: dict[tuple[str, int, int], CachedShard] = {}
        # as if a step was written, so that the first write finds out about a cache that is over the limit already
        self._unchecked = cache.limit_bytes // _STEPS
        self._claimed = False
        self._warned = False

    def claim(self) -> None:
        """Make the folder a cache, once. One that cannot be made is no error here: reading goes on without it."""
        if self._claimed:
            return
        try:
            claim(self._cache.folder)
        except OSError as error:
            self.failed(error)
        else:
            self._claimed = True

    def shard(self, sha256: str, size: int, chunks: int) -> CachedShard:
        key = (sha256, size, chunks)
        with self._lock:
            # taken out and put in again: the order of the dict is that of the last use
            shard = self._shards.pop(key, None)
            if shard is None or not shard.touch():
                shard = self._open(sha256, size, chunks)
            self._shards[key] = shard
            if len(self._shards) > _MOST_OPEN:
                # it is closed when the last who reads from it lets go of it
                del self._shards[next(iter(self._shards))]
        return shard

    def kept(self, count: int) -> None:
        """The cache grew by at most `count` bytes: from time to time, make room."""
        with self._lock:
            self._unchecked += count
            unchecked = self._unchecked
        step = self._cache.limit_bytes // _STEPS
        # somebody else's eviction spares this one, but it may take as long as it likes: two steps are not exceeded
        behind = unchecked >= 2 * step
        if unchecked < step or not self._evicting.acquire(blocking=behind):
            return
        try:
            # less, where another thread's eviction was waited for
            unchecked = self._unchecked
            if unchecked >= step and evict(self._cache.folder, self._cache.limit_bytes - step, insist=behind):
                with self._lock:
                    self._unchecked -= unchecked
        except FileNotFoundError:
            pass  # somebody deleted the folder, which is one way to make room
        except OSError as error:
            self.failed(error)
        finally:
            self._evicting.release()

    def failed(self, error: OSError) -> None:
        """Tell once that the cache is of no use."""
        if self._warned:
            return
        self._warned = True
        warnings.warn(
            f"the shard cache {self._cache.folder} cannot be written ({error}); reading goes on without: make room, "
            "give a smaller limit, or give another folder",
            RuntimeWarning,
            stacklevel=2,
        )

    def _open(self, sha256: str, size: int, chunks: int) -> CachedShard:
        if not is_sha256(sha256) or chunks < 1 or size < 16 * chunks + 4:
            msg = f"no shard has the sha256 {sha256[:80]!r}, {size} bytes and {chunks} chunks"
            raise ValueError(msg)
        self._claimed = self._claimed and self._cache.folder.exists()
        self.claim()
        file = self._file(sha256, size, marks_of(chunks)) if self._claimed else None
        # not methods of this object: after a fork, the child's own is to be told
        cache = self._cache
        return CachedShard(
            sha256,
            size,
            chunks,
            file=file,
            kept=lambda count: _opened(cache).kept(count),
            failed=lambda error: _opened(cache).failed(error),
        )

    def _file(self, sha256: str, size: int, marks: int) -> SparseFile | None:
        try:
            return open_sparse_file(self._cache.folder, sha256, size, marks, write=True)
        except OSError as error:
            self.failed(error)
        with suppress(OSError):
            return open_sparse_file(self._cache.folder, sha256, size, marks, write=False)
        return None


_OPENED: dict[Cache, _Opened] = {}

if hasattr(os, "register_at_fork"):
    # its locks may be held by threads that the child does not have
    os.register_at_fork(after_in_child=_OPENED.clear)


def _opened(cache: Cache) -> _Opened:
    opened = _OPENED.get(cache)
    return _OPENED.setdefault(cache, _Opened(cache)) if opened is None else opened
