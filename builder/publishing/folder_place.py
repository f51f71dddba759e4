"""A folder of versions on this machine, or on a file system that is mounted on it."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ...errors import PublishError
from ...store.bucket import MOST_SMALL_BYTES
from ...store.files import copy_atomic, files_below, read_whole, write_atomic
from .shelf import CLAIM_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .contents import PublishedFile
    from .outcome import Teller
    from .shelf import Stamp

__all__ = ["FolderPlace"]

_SCRATCH: Final = ".voxpress-publish"
_PIECE_BYTES: Final = 4 * 2**20


@dataclass(frozen=True, slots=True)
class FolderPlace:
    """Keeps the contract of `Place` by renaming.

    Attributes:
        root: the folder.
    """

    root: Path

    def __post_init__(self) -> None:
        if self.root.exists() and not self.root.is_dir():
            msg = f"the target {self.root} is a file; give a folder"
            raise PublishError(msg)

    @property
    def address(self) -> str:
        """The folder."""
        return str(self.root)

    @property
    def transfers(self) -> int:
        """One: a disk is not faster with more."""
        return 1

    def sizes(self, folder: str) -> dict[str, int]:
        """As `Place.sizes`."""
        start = self.root / folder
        return {f"{folder}/{path}": (start / path).stat().st_size for path in files_below(start)}

    def read(self, path: str, *, most: int) -> tuple[bytes, Stamp] | None:
        """As `Place.read`."""
        if not (self.root / path).is_file():
            return None
        data = read_whole(self.root / path, path, most=most)
        return data, hashlib.sha256(data).digest()

    def put(self, path: str, file: PublishedFile, teller: Teller) -> None:
        """As `Place.put`."""

        def pieces() -> Iterator[bytes]:
            with file.place.open("rb") as stream:
                while piece := stream.read(_PIECE_BYTES):
                    yield piece
                    teller.moved(len(piece))

        copy_atomic(self.root / path, pieces(), file.record, scratch=self._scratch(path.partition("/")[0]))

    def swap(self, path: str, data: bytes, stamp: Stamp | None) -> bool:
        """As `Place.swap`; those who write by other means are not kept out."""
        from filelock import FileLock

        (self.root / _SCRATCH).mkdir(parents=True, exist_ok=True)
        with FileLock(self.root / _SCRATCH / "lock"):
            read = self.read(path, most=MOST_SMALL_BYTES)
            if (None if read is None else read[1]) != stamp:
                return False
            write_atomic(self.root / path, data, scratch=self.root / _SCRATCH)
        return True

    def clear(self, folder: str) -> None:
        """As `Place.clear`."""
        (self.root / folder / CLAIM_NAME).unlink(missing_ok=True)
        shutil.rmtree(self._scratch(folder), ignore_errors=True)

    def _scratch(self, folder: str) -> Path:
        return self.root / _SCRATCH / folder
