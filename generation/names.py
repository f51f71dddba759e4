"""The nearest of the names that exist, for the errors about those that do not."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["did_you_mean", "listed"]


def did_you_mean(name: object, names: Iterable[str]) -> str:
    """``"; did you mean 'age'?"``, or nothing where no name is near."""
    near = difflib.get_close_matches(str(name), list(names), n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else ""


def listed(names: Iterable[str]) -> str:
    """The names with commas between, or ``none``."""
    return ", ".join(names) or "none"
