"""Copies results to the host while the device goes on: pinned buffers in a ring, on a stream of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["HostRing"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Sent:
    number: int
    event: Any


class HostRing:
    """A fixed number of host buffers that are filled and read in turn.

    Args:
        depth: buffers; so many batches may be on their way.
        shape: of a batch.
        device: that sends. On the CPU a copy is a copy.
    """

    def __init__(self, depth: int, shape: tuple[int, ...], device: torch.device) -> None:
        self._cuda = device.type == "cuda"
        self._buffers = [torch.empty(shape, dtype=torch.int16, pin_memory=self._cuda) for _ in range(depth)]
        # torch leaves these classes without types
        cuda: Any = torch.cuda
        self._stream = cuda.Stream(device) if self._cuda else None
        self._event = cuda.Event
        # asking the device itself would wait for all that it was given since
        self._flags = [torch.empty(shape[0], dtype=torch.bool, pin_memory=self._cuda) for _ in range(depth)]
        self._waiting: list[_Sent] = []
        self._next = 0

    @property
    def full(self) -> bool:
        """Whether one must be received before another can be sent."""
        return len(self._waiting) == len(self._buffers)

    def __len__(self) -> int:
        return len(self._waiting)

    def send(self, batch: torch.Tensor, finite: torch.Tensor) -> None:
        """Starts copying a batch.

        Args:
            batch: int16 of the ring's shape.
            finite: one truth a sample, copied along.
        """
        assert not self.full
        number = self._next
        self._next = (number + 1) % len(self._buffers)
        event = None
        if self._stream is None:
            self._buffers[number].copy_(batch)
            self._flags[number].copy_(finite)
        else:
            self._stream.wait_stream(torch.cuda.current_stream(batch.device))
            with torch.cuda.stream(self._stream):
                self._buffers[number].copy_(batch, non_blocking=True)
                self._flags[number].copy_(finite, non_blocking=True)
                event = self._event()
                event.record(self._stream)
            # keeps the allocator from handing the memory on before it was copied
            batch.record_stream(self._stream)
            finite.record_stream(self._stream)
        self._waiting.append(_Sent(number=number, event=event))

    def receive(self) -> tuple[NDArray[np.int16], list[bool]]:
        """The oldest batch that was sent, waiting for it if need be; a copy, so the buffer is free again."""
        sent = self._waiting.pop(0)
        if sent.event is not None:
            sent.event.synchronize()
        return self._buffers[sent.number].numpy().copy(), self._flags[sent.number].tolist()

    def clear(self) -> None:
        """Forgets what was sent, after something went wrong."""
        if self._stream is not None:
            self._stream.synchronize()
        self._waiting.clear()
