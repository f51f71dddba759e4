"""Asks a backend for samples, as many at once as it likes, and ahead of whoever writes them.

What a backend makes does not depend on what it is asked beside it, so neither does anything here.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .backend import Backend, Order, Sample

    Make = Callable[[Sequence[Order]], Sequence[Sample]]

__all__ = ["findings_by_design", "made_ahead", "makes_ahead", "preferred_batch"]

_AHEAD = 2


def preferred_batch(backend: Backend) -> int:
    """How many orders a backend likes at once; 1 if it does not say."""
    return max(1, int(getattr(backend, "preferred_batch", 1)))


def makes_ahead(backend: Backend) -> bool:
    """Whether a backend may make samples in two threads while another writes those before; not if it does not say."""
    return bool(getattr(backend, "makes_ahead", False))


def findings_by_design(backend: Backend) -> frozenset[str]:
    """Reason codes that its sound samples have too."""
    return frozenset(getattr(backend, "findings_by_design", ()))


def made_ahead(make: Make, orders: Sequence[Order], batch: int, *, ahead: bool) -> Iterator[Sample]:
    """Samples in the sequence of their orders, made in batches.

    Args:
        make: makes a batch; may raise.
        orders: all of them.
        batch: how many at once.
        ahead: while the samples of a batch are taken, the next two batches are made, each in a thread of its own: the
            device works for one while the CPU finishes the other. Otherwise a batch is made when its first sample is
            asked for, in the thread that asks.
    """
    groups = [orders[start : start + batch] for start in range(0, len(orders), batch)]
    if not ahead:
        for group in groups:
            yield from make(group)
        return
    with ThreadPoolExecutor(_AHEAD, thread_name_prefix="voxpress-ahead") as pool:
        try:
            coming = deque(pool.submit(make, group) for group in groups[:_AHEAD])
            for following in range(_AHEAD, len(groups) + _AHEAD):
                made = coming.popleft().result()
                coming += [pool.submit(make, group) for group in groups[following : following + 1]]
                yield from made
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
