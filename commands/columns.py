"""What a column of a cohort holds, in a few words or as plain data."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

from .console import number

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["described", "summary"]

_MOST_VALUES = 8


def summary(values: Sequence[Any]) -> dict[str, Any]:
    """Of numbers the smallest, mean and largest; of texts how often each comes. Missing values are left out."""
    there = [value for value in values if value is not None and value == value]  # noqa: PLR0124 - NaN differs from itself
    if all(isinstance(value, int | float) for value in there):
        if not there:
            return {"missing": len(values)}
        return {"min": min(there), "mean": math.fsum(there) / len(there), "max": max(there)}
    return {"counts": dict(Counter(sorted(map(str, there))))}


def described(values: Sequence[Any]) -> str:
    """`summary` in a few words: ``45.2 to 89.1, mean 67.3`` or ``F 9, M 7``."""
    found = summary(values)
    if "counts" in found:
        most = sorted(found["counts"].items(), key=lambda item: (-item[1], item[0]))
        named = ", ".join(f"{value} {count:,}" for value, count in most[:_MOST_VALUES])
        return named + (f" and {len(most) - _MOST_VALUES} other values" if len(most) > _MOST_VALUES else "")
    if "missing" in found:
        return "nothing"
    if found["min"] == found["max"]:
        return number(found["min"])
    return f"{number(found['min'])} to {number(found['max'])}, mean {number(found['mean'])}"
