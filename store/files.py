"""Files of a store: written whole or not at all, read with a limit, hashed as a stream."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import stat
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import CorruptError, DiskFullError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

__all__ = [
    "ADVICE",
    "DISK_FULL",
    "FileRecord",
    "check_record",
    "copy_atomic",
    "file_size",
    "files_below",
    "flush_folder",
    "hash_file",
    "read_whole",
    "record_of",
    "write_atomic",
]

ADVICE = "mend the data set with `voxpress repair`, or get the file again from its source"
"""What to do about wrong bytes."""

DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
"""Codes of an `OSError` that making room helps against."""

_HASH_BLOCK = 4 * 2**20


@dataclass(frozen=True, slots=True)
class FileRecord:
    """What the manifest says of a file.

    Attributes:
        bytes: its size.
        sha256: hex digest of its content.
    """

    bytes: int
    sha256: str


def record_of(data: bytes) -> FileRecord:
    """Record of a file that holds `data`."""
    return FileRecord(len(data), hashlib.sha256(data).hexdigest())


def write_atomic(path: Path, data: bytes | Sequence[bytes], *, scratch: Path) -> FileRecord:
    """Write a file so that it is there whole, and survives a power cut, or is not there at all.

    A file that is already at `path` is replaced. Missing folders are made.

    Args:
        path: final name.
        data: all of its bytes, or pieces of them in order.
        scratch: folder on the same file system for the temporary file.

    Returns:
        size and digest for the manifest.

    Raises:
        DiskFullError: the disk or the quota is full; neither `path` nor a temporary file is left.
        OSError: the file cannot be written for another reason.
    """
    pieces = (data,) if isinstance(data, bytes) else data
    with _appearing(path, sum(map(len, pieces)), scratch=scratch) as temporary:
        return _write_through(temporary, pieces)


def copy_atomic(path: Path, pieces: Iterable[bytes | memoryview], record: FileRecord, *, scratch: Path) -> None:
    """Write a file that comes in pieces, so that it is there whole and right, or not there at all.

    Args:
        path: final name; as for `write_atomic`.
        pieces: of its bytes, in order.
        record: what they must be in all.
        scratch: as for `write_atomic`.

    Raises:
        CorruptError: they are something else; nothing is written.
        DiskFullError, OSError: as `write_atomic`.
    """
    with _appearing(path, record.bytes, scratch=scratch) as temporary:
        if _write_through(temporary, pieces) != record:
            msg = f"{path.name} came with other bytes than the manifest says; {ADVICE}"
            raise CorruptError(msg, kind="checksum", path=path.name)


@contextmanager
def _appearing(path: Path, size: int, *, scratch: Path) -> Iterator[Path]:
    """A temporary name, whose file has the final one if nothing is raised, and is gone if something is."""
    temporary = scratch / f"{path.name}.{secrets.token_hex(8)}"
    try:
        scratch.mkdir(parents=True, exist_ok=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(path)
        flush_folder(path.parent)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno in DISK_FULL:
            msg = f"no room left for {path} ({size} bytes); free some and run the same command again to resume"
            raise DiskFullError(msg) from error
        raise


def read_whole(path: Path, relative: str, *, most: int, record: FileRecord | None = None) -> bytes:
    """Read a file of a store that is small enough to hold in memory.

    Args:
        path: where it is.
        relative: what the store calls it, for messages.
        most: limit in bytes, checked before anything is allocated.
        record: what the manifest says of it, if that is known.

    Raises:
        CorruptError: missing, not a plain file, over the limit, or not what the manifest says.
    """
    size = file_size(path, relative)
    if size > most:
        msg = f"{relative} has {size} bytes, the limit is {most}; do not trust this store: get it again from its source"
        raise CorruptError(msg, kind="size", path=relative)
    with path.open("rb") as file:
        data = file.read(size + 1)
    if record:
        check_record(data, relative, record)
    elif len(data) != size:
        msg = f"{relative} has {len(data)} bytes, {size} were expected; {ADVICE}"
        raise CorruptError(msg, kind="size", path=relative)
    return data


def check_record(data: bytes, relative: str, record: FileRecord) -> None:
    """Hold the content of a file against what the manifest says.

    Raises:
        CorruptError: another size or another digest.
    """
    if len(data) != record.bytes:
        msg = f"{relative} has {len(data)} bytes, {record.bytes} were expected; {ADVICE}"
        raise CorruptError(msg, kind="size", path=relative)
    if record_of(data) != record:
        msg = f"{relative} does not have the sha256 of the manifest; {ADVICE}"
        raise CorruptError(msg, kind="checksum", path=relative)


def file_size(path: Path, relative: str) -> int:
    """Size of a plain file.

    Raises:
        CorruptError: missing, or a folder, pipe or device, on which a read could hang.
    """
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        msg = f"{relative} is missing; {ADVICE}"
        raise CorruptError(msg, kind="missing", path=relative) from error
    if not stat.S_ISREG(status.st_mode):
        msg = f"{relative} is not a plain file; {ADVICE}"
        raise CorruptError(msg, kind="missing", path=relative)
    return status.st_size


def hash_file(path: Path, *, progress: Callable[[int], None] | None = None) -> FileRecord:
    """Hash a file without holding it in memory.

    Args:
        path: the file.
        progress: called with the bytes that are done, after each block.
    """
    digest = hashlib.sha256()
    size = 0
    with path.open("rb", buffering=0) as file:
        while block := file.read(_HASH_BLOCK):
            digest.update(block)
            size += len(block)
            if progress:
                progress(size)
    return FileRecord(size, digest.hexdigest())


def files_below(root: Path) -> Iterator[str]:
    """Paths of the files of a store that are not hidden; links to folders are named, not followed."""
    for folder, folders, names in os.walk(root):
        here = Path(folder)
        links = [name for name in folders if (here / name).is_symlink()]
        folders[:] = [name for name in folders if name not in links and not _is_hidden(name)]
        yield from ((here / name).relative_to(root).as_posix() for name in [*names, *links] if not _is_hidden(name))


def _is_hidden(name: str) -> bool:
    return name.startswith(".")


def _write_through(path: Path, pieces: Iterable[bytes | memoryview]) -> FileRecord:
    digest, size = hashlib.sha256(), 0
    with path.open("xb") as file:
        for piece in pieces:
            digest.update(piece)
            size += file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    return FileRecord(size, digest.hexdigest())


def flush_folder(folder: Path) -> None:
    """Make a rename last; only POSIX can open a folder for that."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
