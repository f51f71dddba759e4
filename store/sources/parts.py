"""Memory in parts that are filled one after the other, such as chunks that are to lie elsewhere than in their file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Parts"]

_MOST: Final = 1024
"""One call of the system fills so many (IOV_MAX of Linux)."""


class Parts:
    """What is still to be filled of some memory.

    Args:
        parts: writable, contiguous, of bytes, none of them empty.
    """

    def __init__(self, parts: Sequence[memoryview]) -> None:
        self._parts = parts
        self._first = 0
        """The part to be filled next, and how much of it is full."""
        self._full = 0
        self.left = sum(map(len, parts))
        """Bytes."""

    def next(self, most_bytes: int) -> list[memoryview]:
        """What is filled next, by one call of the system: up to so many bytes, at least one."""
        found, start = [], self._full
        for part in self._parts[self._first : self._first + _MOST]:
            found.append(part[start : start + most_bytes])
            most_bytes -= len(found[-1])
            if most_bytes <= 0:
                break
            start = 0
        return found

    def filled(self, size: int) -> None:
        """So many bytes were put into what comes next."""
        self.left -= size
        size += self._full
        while self._first < len(self._parts) and size >= len(self._parts[self._first]):
            size -= len(self._parts[self._first])
            self._first += 1
        self._full = size

    def put(self, data: bytes | memoryview) -> None:
        """Copy bytes, no more than are left, into what comes next."""
        while data:
            for part in self.next(len(data)):
                part[:] = data[: len(part)]
                data = data[len(part) :]
                self.filled(len(part))
