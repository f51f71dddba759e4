"""Where a stream stands: epoch and item, in memory that the workers of a `DataLoader` share, and as a saved state."""

from __future__ import annotations

from typing import Any, Final

import torch

__all__ = ["Progress", "check_state"]

STATE_VERSION: Final = 1
_FIELDS: Final = {"version": int, "seed": int, "epoch": int, "items": int, "fingerprint": str}
_OF_WORKER: Final = {"worker": int, "workers": int, "steps": int}
_MOST_WORKERS: Final = 4096


class Progress:
    """Epoch, and the item at which its next iteration begins.

    In shared memory, as persistent workers hold copies of a dataset that nobody could tell otherwise.
    """

    def __init__(self) -> None:
        self._shared: torch.Tensor = torch.zeros(2 + _MOST_WORKERS, dtype=torch.int64)
        self._shared.share_memory_()  # type: ignore[no-untyped-call]

    @property
    def epoch(self) -> int:
        """The epoch that was set last; 0 at first."""
        return int(self._shared[0])

    @property
    def first(self) -> int:
        """Items of the epoch that were consumed before the next iteration begins."""
        return int(self._shared[1])

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch; another one than before begins with its first item."""
        if epoch < 0:
            msg = f"epoch must be 0 or more, got {epoch}"
            raise ValueError(msg)
        if epoch != self.epoch:
            self.set(epoch, 0)

    def set(self, epoch: int, first: int) -> None:
        """Choose epoch and first item."""
        self._shared.zero_()
        self._shared[0] = epoch
        self._shared[1] = first

    def began(self, worker: int) -> None:
        """A worker begins an iteration."""
        self._shared[2 + worker] = 0

    def ended(self, worker: int, workers: int) -> None:
        """A worker has come to the end. Once all have, iterating again begins with the first item of the epoch."""
        self._shared[2 + worker] = 1
        if bool(self._shared[2 : 2 + workers].all()):
            self.set(self.epoch, 0)


def check_state(state: Any, *, seed: int, fingerprint: str, items: int) -> None:
    """Check a saved state against a stream.

    Args:
        state: what `state_dict` gave.
        seed: of the stream.
        fingerprint: of what it reads and in which sequence.
        items: in an epoch.

    Raises:
        ValueError: it is no state, or one of other data, another selection, order or seed.
    """
    advice = "give the state that state_dict() of a stream over the same data, selection, order and seed returned"
    fields = _FIELDS | (_OF_WORKER if isinstance(state, dict) and "worker" in state else {})
    if not isinstance(state, dict) or {name: type(value) for name, value in state.items()} != fields:
        msg = f"the state must have the fields {', '.join(fields)}, got {str(state)[:200]}; {advice}"
        raise ValueError(msg)
    if state["version"] != STATE_VERSION:
        msg = f"the state has version {state['version']}, this voxpress knows {STATE_VERSION}; {advice}"
        raise ValueError(msg)
    for name, expected in (("seed", seed), ("fingerprint", fingerprint)):
        if state[name] != expected:
            msg = f"the state has {name} {state[name]}, this stream {expected}; {advice}"
            raise ValueError(msg)
    if state["epoch"] < 0 or not 0 <= state["items"] <= items:
        msg = f"the state stands at item {state['items']} of epoch {state['epoch']}, of {items} items; {advice}"
        raise ValueError(msg)
