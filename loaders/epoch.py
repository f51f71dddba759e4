"""An epoch number that the worker processes of a `DataLoader` see too."""

from __future__ import annotations

import torch

__all__ = ["Epoch"]


class Epoch:
    """The epoch, in shared memory: persistent workers hold copies of a dataset that nobody could tell otherwise."""

    def __init__(self) -> None:
        self._value: torch.Tensor = torch.zeros(1, dtype=torch.int64)
        self._value.share_memory_()  # type: ignore[no-untyped-call]

    def set(self, epoch: int) -> None:
        """Set the epoch for the next iteration of this process and of its workers."""
        if epoch < 0:
            msg = f"epoch must be 0 or more, got {epoch}"
            raise ValueError(msg)
        self._value[0] = epoch

    def get(self) -> int:
        """The epoch that was set last; 0 at first."""
        return int(self._value[0])
