"""Memory that reads work in, used again and again: fresh pages cost more than what is done in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .arrays import ArraySpec

__all__ = ["ReadMemory"]


class ReadMemory:
    """What one read at a time works in, and the next one again, in whatever thread: threads end with each epoch."""

    def __init__(self) -> None:
        self._bytes = np.empty(0, np.uint8)
        self._chunks: dict[tuple[tuple[int, ...], str], NDArray[Any]] = {}

    def bytes(self, size: int) -> NDArray[np.uint8]:
        """For packed bytes."""
        if len(self._bytes) < size:
            self._bytes = np.empty(size, np.uint8)
        return self._bytes[:size]

    def chunks(self, spec: ArraySpec, count: int) -> NDArray[Any]:
        """For some unpacked chunks."""
        key = spec.chunk, spec.dtype
        if key not in self._chunks or len(self._chunks[key]) < count:
            self._chunks[key] = np.empty((count, *spec.chunk), spec.numpy_dtype)
        return np.asarray(self._chunks[key][:count])
