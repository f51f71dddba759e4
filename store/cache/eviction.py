"""Keeps a cache within its limit: whole shards go, those first that were used the longest ago."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .folder import list_files, open_lock, remove_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["CacheStatus", "Held", "evict", "plan_eviction", "status_of"]

_BLOCK = 512
"""Unit of `st_blocks`, whatever the file system's own block is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A shard in the cache.

    Attributes:
        sha256: of the shard.
        bytes: what its file takes on the disk; holes take nothing.
        used_ns: last use.
        inode: of its file.
    """

    sha256: str
    bytes: int
    used_ns: int
    inode: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheStatus:
    """What a cache holds.

    Attributes:
        shards: number of shards of which there is something.
        bytes: what they take on the disk.
        limit_bytes: what they may take.
    """

    shards: int
    bytes: int
    limit_bytes: int


def plan_eviction(held: Sequence[Held], most_bytes: int) -> list[Held]:
    """Which shards go, so that the others take at most `most_bytes`. The one that was used last always stays."""
    excess = sum(shard.bytes for shard in held) - most_bytes
    going = []
    for shard in sorted(held, key=lambda shard: (shard.used_ns, shard.sha256))[:-1]:
        if excess <= 0:
            break
        going.append(shard)
        excess -= shard.bytes
    return going


def evict(folder: Path, most_bytes: int, *, insist: bool = False) -> bool:
    """Bring a cache below `most_bytes`, unless another process is at it.

    Args:
        folder: of the cache; it is claimed.
        most_bytes: what the shards may take afterwards, save that one always stays.
        insist: do it even so: the other process may be slow, and counts nothing that was written since it began. Two
            at once may remove a shard more than they need to.

    Returns:
        whether it was done here.

    Raises:
        OSError: the folder cannot be read.
    """
    with _lock(folder) as ours:
        if ours or insist:
            for shard in plan_eviction(_held(folder), most_bytes):
                remove_file(folder, shard.sha256, inode=shard.inode)
    return ours or insist


def status_of(folder: Path, limit_bytes: int) -> CacheStatus:
    """Count what a cache holds."""
    held = _held(folder)
    return CacheStatus(shards=len(held), bytes=sum(shard.bytes for shard in held), limit_bytes=limit_bytes)


def _held(folder: Path) -> list[Held]:
    return [
        Held(sha256=sha256, bytes=status.st_blocks * _BLOCK, used_ns=status.st_mtime_ns, inode=status.st_ino)
        for sha256, status in list_files(folder)
    ]


@contextmanager
def _lock(folder: Path) -> Iterator[bool]:
    """Whether this process alone is in here.

    A POSIX record lock and not `filelock`, whose locks a forked child inherits in its older versions: a DataLoader
    worker forked during an eviction would hold it for good.
    """
    import fcntl

    handle = open_lock(folder)
    try:
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            ours = True
        except OSError as error:
            # a network file system may have no locks; two evictions at once only do the same work twice
            ours = error.errno not in {errno.EACCES, errno.EAGAIN}
        yield ours
    finally:
        os.close(handle)
