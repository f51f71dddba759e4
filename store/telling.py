"""Progress of long work, for whoever wants to be told."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Teller"]


class Teller:
    """Counts what is done, and tells at once what earlier runs did.

    Args:
        done: of earlier runs.
        total: in all.
        progress: told both; None for nobody.
    """

    def __init__(self, done: int, total: int, progress: Callable[[int, int], None] | None) -> None:
        self._done, self._total, self._progress = done, total, progress
        self.add(0)

    def add(self, count: int) -> None:
        """More is done."""
        self._done += count
        if self._progress:
            self._progress(self._done, self._total)
