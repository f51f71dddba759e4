"""Values that each process makes for itself: open files, connections, locks."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["PerProcess"]

Value = TypeVar("Value")


class PerProcess(Generic[Value]):
    """Makes a value on the first use in each process.

    After a fork the child makes its own, because a lock of the parent may be held for ever in the child, and a
    connection of the parent is still in use there. The parent's is kept untouched: to close it is the parent's task.

    Args:
        make: makes the value; may be called by several threads at once, of whose values one is taken.
    """

    def __init__(self, make: Callable[[], Value]) -> None:
        self._make = make
        self._made: dict[int, Value] = {}

    def get(self) -> Value:
        """The value of this process."""
        pid = os.getpid()
        try:
            return self._made[pid]
        except KeyError:
            # one step for all threads: no lock that a fork could leave locked
            return self._made.setdefault(pid, self._make())
