"""Memory for batches, used again once nobody holds a batch that was in it.

Fresh pages cost 2 to 3 ms a volume, several times what unpacking it does.
"""

from __future__ import annotations

import math
import sys
import threading
from collections import deque
from functools import partial
from typing import Any, Final

import numpy as np
import torch
from torch.utils.data import get_worker_info
from torch.utils.data._utils.pin_memory import pin_memory as page_locked

__all__ = ["Buffers"]

_Buffer = tuple[np.ndarray[Any, np.dtype[np.uint8]], int]
"""An array that owns memory, and where in it a multiple of `_ALIGNMENT` is."""

_ALIGNMENT: Final = 64
_UNHELD: Final = 2
"""References to a buffer that nobody uses: that of its ring, and that of the call that counts."""


class Buffers:
    """A ring that grows to as many buffers as are in use at once; safe for many threads.

    A tensor made of a buffer keeps the NumPy array that owns its memory alive, so the number of references to that
    array tells whether any batch, or view of one, still needs it.

    Args:
        pin_memory: take page-locked memory from torch's own allocator instead. It uses it again too, but
            waits for copies to the device that are under way. Not in workers of a `DataLoader`, which would each
            start CUDA, and whose batches are copied to the main process anyway.
        most_bytes: of buffers that nobody uses; more are given back.
    """

    def __init__(self, *, pin_memory: bool = False, most_bytes: int = 2**30) -> None:
        self._pin_memory = pin_memory
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._rings: dict[int, deque[_Buffer]] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        # memory is not sent to other processes
        return partial(Buffers, pin_memory=self._pin_memory, most_bytes=self._most_bytes), ()

    def take(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> torch.Tensor:
        """A tensor with undefined content, contiguous.

        Args:
            shape: of the tensor.
            dtype: of it, as NumPy calls it.
        """
        if self._locks():
            # not by way of NumPy: torch finds the memory that a copy is under way from by its own storage, or by the
            # address at which that begins, and of a part of another tensor it has neither
            return torch.empty(shape, dtype=torch.from_numpy(np.empty(0, dtype)).dtype, pin_memory=True)
        size = math.prod(shape) * dtype.itemsize
        owner, first = self._owner(size)
        return torch.from_numpy(owner[first : first + size].view(dtype).reshape(shape))

    def locked(self, batch: Any) -> Any:
        """The batch with all its tensors in page-locked memory, if that was asked for; copies those that are not."""
        return page_locked(batch) if self._locks() else batch  # type: ignore[no-untyped-call]

    def _locks(self) -> bool:
        return self._pin_memory and get_worker_info() is None

    def _owner(self, size: int) -> _Buffer:
        with self._lock:
            ring = self._rings.setdefault(size, deque())
            for _ in range(len(ring)):
                # those that were given out first are the first that come back
                ring.rotate(-1)
                if _is_unused(ring[-1]):
                    # a tuple of its own, as the one in the ring would not count as a use
                    owner, first = ring[-1]
                    return owner, first
            self._give_back()
            owner = np.empty(size + _ALIGNMENT, np.uint8)
            first = -owner.ctypes.data % _ALIGNMENT
            self._rings[size].append((owner, first))
            return owner, first

    def _give_back(self) -> None:
        unused = {size: sum(map(_is_unused, ring)) for size, ring in self._rings.items()}
        if sum(size * count for size, count in unused.items()) <= self._most_bytes:
            return
        for size, ring in self._rings.items():
            self._rings[size] = deque(buffer for buffer in ring if not _is_unused(buffer))


def _is_unused(buffer: _Buffer) -> bool:
    return sys.getrefcount(buffer[0]) == _UNHELD
