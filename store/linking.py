"""Files that another store has already: taken over as hard links where that works, as copies elsewhere."""

from __future__ import annotations

import hashlib
import os
import secrets
from typing import TYPE_CHECKING

from ..errors import CorruptError, DiskFullError
from .files import ADVICE, DISK_FULL, FileRecord, file_size, flush_folder, hash_file

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["take_over"]

_BLOCK = 4 * 2**20


def take_over(
    source: Path, path: Path, relative: str, record: FileRecord, *, scratch: Path, copy: bool = False
) -> bool:
    """Put a file of one store into another, held against what the manifest says of it.

    It is there whole, or not at all. As files of a store are written once and never changed in place, two stores may
    share one.

    Args:
        source: the file.
        path: its name in the other store.
        relative: what both stores call it, for messages.
        record: what the manifest says of it.
        scratch: folder on the file system of `path` for the temporary file.
        copy: never link.

    Returns:
        whether it is a link.

    Raises:
        CorruptError: missing, or not what the manifest says; nothing is left at `path`.
        DiskFullError: no room for a copy.
    """
    if file_size(source, relative) != record.bytes:
        msg = f"{relative} has {source.stat().st_size} bytes, {record.bytes} were expected; {ADVICE}"
        raise CorruptError(msg, kind="size", path=relative)
    scratch.mkdir(parents=True, exist_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = scratch / f"{path.name}.{secrets.token_hex(8)}"
    try:
        linked = not copy and _link(source, temporary)
        found = hash_file(temporary) if linked else _copy(source, temporary)
        if found != record:
            msg = f"{relative} does not have the sha256 of the manifest; {ADVICE}"
            raise CorruptError(msg, kind="checksum", path=relative)
        temporary.replace(path)
        flush_folder(path.parent)
    except OSError as error:
        if error.errno in DISK_FULL:
            msg = f"no room left for {path} ({record.bytes} bytes); free some and run the same command again to resume"
            raise DiskFullError(msg) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)
    return linked


def _link(source: Path, path: Path) -> bool:
    """Whether it works: not across file systems, nor on all of them."""
    try:
        os.link(source, path)
    except OSError:
        return False
    return True


def _copy(source: Path, path: Path) -> FileRecord:
    digest, size = hashlib.sha256(), 0
    with source.open("rb", buffering=0) as given, path.open("xb") as copied:
        while block := given.read(_BLOCK):
            digest.update(block)
            copied.write(block)
            size += len(block)
        copied.flush()
        os.fsync(copied.fileno())
    return FileRecord(size, digest.hexdigest())
