"""Tells how what is there differs from what is ordered, for the messages of a run that is refused."""

from __future__ import annotations

from typing import Any

__all__ = ["differences"]

_MOST_LINES = 3
_MOST_CHARACTERS = 80


def differences(there: Any, ordered: Any, name: str = "") -> list[str]:
    """What differs between two nestings of mappings, one entry a leaf, sorted by name.

    Args:
        there: as found.
        ordered: as asked for now.
        name: of the two, put before the names in them.

    >>> differences({"lock": {"numpy": "2.1"}}, {"lock": {"numpy": "2.2"}})
    ['lock.numpy has 2.1 there, 2.2 ordered']
    """
    if isinstance(there, dict) and isinstance(ordered, dict):
        keys = sorted(there.keys() | ordered.keys())
        inner = (differences(there.get(key), ordered.get(key), f"{name}.{key}".lstrip(".")) for key in keys)
        return [difference for each in inner for difference in each]
    if there == ordered:
        return []
    return [f"{name} has {_only_in(there, ordered)} there, {_only_in(ordered, there)} ordered"]


def _only_in(one: Any, other: Any) -> str:
    """The lines of one text that the other has not."""
    if one is None:
        return "nothing"
    known = set(str(other).splitlines())
    lines = [line.strip()[:_MOST_CHARACTERS] for line in str(one).splitlines() if line not in known]
    shown = " | ".join(lines[:_MOST_LINES]) or "no other line"
    return f"{shown} and {len(lines) - _MOST_LINES} more lines" if len(lines) > _MOST_LINES else shown
