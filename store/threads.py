"""Work in threads, for functions that release the GIL: results in order, a bounded number of items in memory."""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

__all__ = ["available_cpus", "map_in_order"]

Item = TypeVar("Item")
Result = TypeVar("Result")


def available_cpus() -> int:
    """CPUs that this process may use, which can be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def map_in_order(function: Callable[[Item], Result], items: Iterable[Item], threads: int) -> Iterator[Result]:
    """Results of a function, in the order of the items.

    Args:
        function: called in threads; with one thread, in that of the caller.
        items: taken one by one by the caller's thread, at most two a thread ahead of what was given out.
        threads: that work at a time, 1 or more.

    Raises:
        what the function raises, at the place of its item; what was begun is finished first, nothing else is.
    """
    if threads < 1:
        msg = f"threads must be at least 1, got {threads}"
        raise ValueError(msg)
    if threads == 1:
        yield from map(function, items)
        return
    begun: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="voxpress-store") as pool:
        try:
            for item in items:
                begun.append(pool.submit(function, item))
                if len(begun) >= 2 * threads:
                    yield begun.popleft().result()
            while begun:
                yield begun.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
