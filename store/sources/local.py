"""A store in a folder of this machine, or of a file system that is mounted on it."""

from __future__ import annotations

import errno
import os
import threading
from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ...errors import CorruptError
from ..files import ADVICE, file_size, read_whole
from ..layout import check_relative, safe_path
from .process import PerProcess

if TYPE_CHECKING:
    from collections.abc import Sequence


__all__ = ["LocalSource"]

_MOST_OPEN_FILES: Final = 64
"""Kept open in each process: far below the 256 that a macOS shell allows, and more shards than a batch touches."""

_POSITIONED: Final = hasattr(os, "preadv")
_FLAGS: Final = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


@dataclass(frozen=True, slots=True)
class LocalSource:
    """A folder. Its files stay open between reads, so that a read costs some microseconds.

    That a file was deleted or replaced in the meantime is noticed by `state`, and it is opened again. A file that is
    written to in place is read as it is then: `state` differs.

    Attributes:
        root: the folder; made absolute.
    """

    root: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", Path(self.root).absolute())

    @property
    def url(self) -> str:
        """The folder."""
        return str(self.root)

    @property
    def remote(self) -> bool:
        """False."""
        return False

    def below(self, folder: str) -> LocalSource:
        """The store in a folder of this one; as `Source.below`."""
        return LocalSource(self.root / check_relative(folder))

    def read_into(self, path: str, start: int, out: memoryview) -> None:
        """Fill `out`; as `Source.read_into`."""
        try:
            self._fill(path, start, out)
        except OSError as error:
            # a file of NFS that another machine has replaced
            if error.errno != errno.ESTALE:
                raise
            _FILES.get().forget((str(self.root), path))
            self._fill(path, start, out)

    def read_parts(self, path: str, start: int, parts: Sequence[memoryview]) -> bool:
        """Fill several buffers, one after the other, by one call of the system.

        Args:
            path: the file.
            start: first byte, from the start of the file.
            parts: writable, none of them empty.

        Returns:
            whether that worked; if not, `read_into` knows why.
        """
        if not _POSITIONED:
            return False
        file = _FILES.get().get((str(self.root), path))
        try:
            return file is not None and os.preadv(file.descriptor, parts, start) == sum(map(len, parts))
        except OSError:
            return False

    def read_all(self, path: str, *, most: int) -> bytes:
        """Read a small file whole; as `Source.read_all`."""
        return read_whole(safe_path(self.root, path), path, most=most)

    def state(self, path: str, size: int) -> tuple[int, ...]:
        """Inode, size in bytes and time of the last change in ns."""
        status = self._checked(path)[1]
        if status.st_size != size:
            msg = f"{path} has {status.st_size} bytes, the manifest says {size}; {ADVICE}"
            raise CorruptError(msg, kind="size", path=path)
        return status.st_ino, status.st_size, status.st_mtime_ns

    def _fill(self, path: str, start: int, out: memoryview) -> None:
        # not checked again: each call of the system lets go of the GIL, and threads then wait for one another
        file = _FILES.get().get((str(self.root), path)) or self._checked(path)[0]
        done = 0
        while done < len(out):
            got = file.read_at(start + done, out[done:] if done else out)
            if not got:
                size, end = os.fstat(file.descriptor).st_size, start + len(out)
                msg = f"{path} has {size} bytes, those from {start} to {end} were asked for; {ADVICE}"
                raise CorruptError(msg, kind="size", path=path)
            done += got

    def _checked(self, path: str) -> tuple[_OpenFile, os.stat_result]:
        """A file as it is by now under its name."""
        files, key = _FILES.get(), (str(self.root), path)
        if (file := files.get(key)) is not None:
            try:
                status = os.fstat(file.descriptor)
            except OSError as error:
                if error.errno != errno.ESTALE:
                    raise
            else:
                # without links left, another file has this name by now, or none
                if status.st_nlink:
                    return file, status
            files.forget(key)
        place = _place(self.root, path)
        # refuses pipes and devices, which an open could wait for
        file_size(place, path)
        file = files.keep(key, _OpenFile(place))
        return file, os.fstat(file.descriptor)


def _place(root: Path, path: str) -> Path:
    """What `safe_path` gives, for the shards of a folder without asking for each part of its path each time."""
    folder, _, name = check_relative(path).rpartition("/")
    place = _real_folder(root, folder) / name
    return safe_path(root, path) if place.is_symlink() else place


@lru_cache(maxsize=256)
def _real_folder(root: Path, folder: str) -> Path:
    return safe_path(root, folder) if folder else root.resolve()


class _OpenFile:
    """A descriptor that is closed when nobody uses it any more: neither the table of open files nor a read."""

    __slots__ = ("_turn", "descriptor")

    def __init__(self, place: Path) -> None:
        self.descriptor = os.open(place, _FLAGS)
        self._turn = threading.Lock()

    def read_at(self, start: int, out: memoryview) -> int:
        """Read up to ``len(out)`` bytes; 0 at the end of the file."""
        if _POSITIONED:
            return os.preadv(self.descriptor, [out], start)
        with self._turn:
            os.lseek(self.descriptor, start, os.SEEK_SET)
            data = os.read(self.descriptor, len(out))
        out[: len(data)] = data
        return len(data)

    def __del__(self) -> None:
        # not set when the open failed
        if (descriptor := getattr(self, "descriptor", None)) is not None:
            os.close(descriptor)


class _OpenFiles:
    """The files of one process that were read last; an evicted one is closed once no thread reads it."""

    def __init__(self) -> None:
        self._files: OrderedDict[tuple[str, str], _OpenFile] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: tuple[str, str]) -> _OpenFile | None:
        with self._lock:
            if (file := self._files.get(key)) is not None:
                self._files.move_to_end(key)
            return file

    def keep(self, key: tuple[str, str], file: _OpenFile) -> _OpenFile:
        """Keep a file, and return the one to use: that of another thread, if it was faster."""
        with self._lock:
            file = self._files.setdefault(key, file)
            # referred to until the lock is left, so that closing them does not hold up the others
            evicted = [self._files.popitem(last=False)[1] for _ in range(len(self._files) - _MOST_OPEN_FILES)]
        del evicted
        return file

    def forget(self, key: tuple[str, str]) -> None:
        with self._lock:
            file = self._files.pop(key, None)
        del file


_FILES = PerProcess(_OpenFiles)
