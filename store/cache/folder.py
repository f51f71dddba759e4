"""The folder of a cache: whose it is, and the files in it. No link is ever followed in it.

It holds ``CACHEDIR.TAG``, by which a folder is known as ours (and which tells backup programs to leave it out; see
https://bford.info/cachedir), ``lock``, and a file ``<xx>/<sha256>.shard`` for each shard, where xx are the first two
digits. Anything else in it is left alone.
"""

from __future__ import annotations

import os
import re
import stat
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["claim", "default_folder", "is_sha256", "list_files", "open_file", "open_lock", "remove_file"]

_TAG = "CACHEDIR.TAG"
_TEXT = b"""Signature: 8a477f597d28d172789f06886806bc55
# Shards that voxpress fetched, layout 1. All of it can be fetched again: this folder may be deleted at any time.
"""
_SUFFIX = ".shard"


def default_folder() -> Path:
    """``~/.cache/voxpress/shards``, or the same below ``$XDG_CACHE_HOME``."""
    home = os.environ.get("XDG_CACHE_HOME", "")
    # the XDG base directory specification has a relative path ignored
    base = Path(home) if Path(home).is_absolute() else Path.home() / ".cache"
    return base / "voxpress" / "shards"


def is_sha256(text: str) -> bool:
    """Whether it is 64 lower-case hex digits."""
    return re.fullmatch(r"[0-9a-f]{64}", text, flags=re.ASCII) is not None


def claim(folder: Path) -> None:
    """Make a folder a cache, if it is not one already. Several processes may do it at once.

    Raises:
        ValueError: it is there, holds something, and is not a cache of this voxpress; nothing in it was touched.
        OSError: it cannot be made, read or written.
    """
    if folder.exists() and not folder.is_dir():
        _refuse(folder, "is a file, not a folder")
    folder.mkdir(parents=True, exist_ok=True)
    text = _tag(folder)
    if text == _TEXT:
        return
    # the tag is looked for once more, as another process may have written it after it was first missed
    if text is None and any(folder.iterdir()) and (text := _tag(folder)) is None:
        _refuse(folder, "holds files that are not of a voxpress cache")
    if not _TEXT.startswith(text or b""):
        _refuse(folder, "is the cache of another program, or of another version of voxpress")
    # where two processes are here at once, or one was killed here, the same bytes are written again
    handle = os.open(folder / _TAG, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    try:
        os.pwrite(handle, _TEXT, 0)
    finally:
        os.close(handle)


def open_file(folder: Path, sha256: str, *, write: bool) -> int:
    """Open the file of a shard; the caller closes the descriptor.

    Args:
        folder: of the cache; it is claimed.
        sha256: of the shard.
        write: also for writing, and made where it is not there.

    Raises:
        OSError: it is not there and cannot be made, or cannot be opened.
    """
    # without O_NONBLOCK, a pipe of that name would wait for its other end
    flags = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | (os.O_RDWR | os.O_CREAT if write else os.O_RDONLY)
    if write:
        with suppress(FileExistsError):
            (folder / sha256[:2]).mkdir()
    with _inside(folder, sha256[:2]) as home:
        return os.open(sha256 + _SUFFIX, flags, 0o666, dir_fd=home)


def open_lock(folder: Path) -> int:
    """Open the file that processes lock; the caller closes the descriptor."""
    return os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)


def remove_file(folder: Path, sha256: str, *, inode: int) -> None:
    """Remove the file of a shard; who has it open goes on reading it.

    Args:
        folder: of the cache.
        sha256: of the shard.
        inode: of the file that is meant; another one that took its place meanwhile stays.
    """
    with suppress(OSError), _inside(folder, sha256[:2]) as home:
        name = sha256 + _SUFFIX
        if os.stat(name, dir_fd=home, follow_symlinks=False).st_ino == inode:
            os.unlink(name, dir_fd=home)


def list_files(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Digest and status of each shard's file; what is not ours, or goes away meanwhile, is left out."""
    for number in range(256):
        prefix = f"{number:02x}"
        with suppress(FileNotFoundError, NotADirectoryError), _inside(folder, prefix) as home, os.scandir(home) as all_:
            for entry in all_:
                sha256 = entry.name.removesuffix(_SUFFIX)
                if entry.name == sha256 or not is_sha256(sha256) or not sha256.startswith(prefix):
                    continue
                with suppress(FileNotFoundError):
                    status = entry.stat(follow_symlinks=False)
                    if stat.S_ISREG(status.st_mode):
                        yield sha256, status


@contextmanager
def _inside(folder: Path, prefix: str) -> Iterator[int]:
    """A descriptor of one of the 256 folders, which must be a folder and not a link to one."""
    handle = os.open(folder / prefix, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield handle
    finally:
        os.close(handle)


def _tag(folder: Path) -> bytes | None:
    """What the tag holds, or a little of it; None where there is none."""
    try:
        handle = os.open(folder / _TAG, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        return os.read(handle, len(_TEXT) + 1)
    finally:
        os.close(handle)


def _refuse(folder: Path, fault: str) -> None:
    msg = f"{folder} {fault}; voxpress deletes files in its cache, so give a new or an empty folder"
    raise ValueError(msg)
