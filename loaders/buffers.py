"""Memory for batches, used again once nobody holds a batch that was in it.

Fresh pages cost 2 to 3 ms a volume, several times what unpacking it does.
"""

from __future__ import annotations

import math
import sys
import threading
from functools import partial
from typing import Any, Final

import numpy as np
import torch
from torch.utils.data import get_worker_info
from torch.utils.data._utils.pin_memory import pin_memory as page_locked

__all__ = ["Buffers"]

_ALIGNMENT: Final = 64
_UNHELD: Final = 2
"""References to a buffer that nobody uses: that of the list, and that of the call that counts."""


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
        self._held: list[np.ndarray[Any, np.dtype[np.uint8]]] = []

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
        owner = self._owner(size)
        first = -owner.ctypes.data % _ALIGNMENT
        return torch.from_numpy(owner[first : first + size].view(dtype).reshape(shape))

    def locked(self, batch: Any) -> Any:
        """The batch with all its tensors in page-locked memory, if that was asked for; copies those that are not."""
        return page_locked(batch) if self._locks() else batch  # type: ignore[no-untyped-call]

    def _locks(self) -> bool:
        return self._pin_memory and get_worker_info() is None

    def _owner(self, size: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
        need = size + _ALIGNMENT
        with self._lock:
            best = None
            unused = 0
            for place in range(len(self._held)):
                if sys.getrefcount(self._held[place]) > _UNHELD:
                    continue
                room = len(self._held[place])
                unused += room
                if need <= room <= 2 * need and (best is None or room < len(self._held[best])):
                    best = place
            if best is not None:
                return self._held[best]
            if unused > self._most_bytes:
                self._held = [buffer for buffer in self._held if sys.getrefcount(buffer) > _UNHELD + 1]
            self._held.append(np.empty(need, np.uint8))
            return self._held[-1]
