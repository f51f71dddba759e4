"""What publishing tells, and what came of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .contents import Contents, PublishedFile

__all__ = ["Published", "Step", "Tell", "Teller"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """How far it is.

    Attributes:
        doing: `verifying` or `sending`.
        bytes_done, bytes_total: of it.
        files_done, files_total: likewise; 0 where only bytes are counted.
    """

    doing: str
    bytes_done: int
    bytes_total: int
    files_done: int = 0
    files_total: int = 0


Tell = Callable[[Step], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A version and where it is.

    Attributes:
        address: that `open` takes.
        contents: of the version.
        missing: files that were not there when this run began: it has sent them, or would have, if it was for show.
        finished_before: the version was there, so that nothing was done.
        for_show: nothing was written.
        notes: what else is to be said.
    """

    address: str
    contents: Contents
    missing: tuple[PublishedFile, ...]
    finished_before: bool
    for_show: bool
    notes: tuple[str, ...]


class Teller:
    """Counts what was sent. Any thread may tell it.

    Args:
        files: that have to be.
        tell: told of it.
    """

    def __init__(self, files: tuple[PublishedFile, ...], tell: Tell | None) -> None:
        self._tell = tell
        self._total = sum(file.record.bytes for file in files), len(files)
        self._bytes = self._files = self._under_way = 0
        self._lock = threading.Lock()
        self.settled(0, 0)

    def moved(self, count: int) -> None:
        """Bytes of a file that is under way; what is sent twice counts once."""
        with self._lock:
            self._under_way += count
            self._say()

    def settled(self, size: int, files: int) -> None:
        """Bytes and files that are there."""
        with self._lock:
            self._bytes += size
            self._files += files
            self._under_way = max(0, self._under_way - size)
            self._say()

    def _say(self) -> None:
        if self._tell and self._total[1]:
            done = min(self._bytes + self._under_way, self._total[0])
            self._tell(
                Step(
                    doing="sending",
                    bytes_done=done,
                    bytes_total=self._total[0],
                    files_done=self._files,
                    files_total=self._total[1],
                )
            )
