"""Scores as plain JSON objects of their fields, and back."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..errors import FormatError
from ..store.parsing import as_int, as_list, as_mapping, as_str, refuse_unknown
from .scores import Score

if TYPE_CHECKING:
    from .scores import Interval

__all__ = ["as_number", "score_from_json", "score_to_json"]

_FIELDS = ("id", "value", "interval", "floor", "floor_interval", "n", "feature_id", "unit", "reason")


def score_to_json(score: Score) -> dict[str, Any]:
    """A score as JSON can hold it: every field, numbers as floats, counts as integers.

    Raises:
        ValueError: a number is not finite.
    """
    return {
        "id": score.id,
        "value": _number(score.value, score.id),
        "interval": _interval(score.interval, score.id),
        "floor": _number(score.floor, score.id),
        "floor_interval": _interval(score.floor_interval, score.id),
        "n": {name: int(count) for name, count in score.n.items()},
        "feature_id": score.feature_id,
        "unit": score.unit,
        "reason": score.reason,
    }


def score_from_json(value: Any, where: str) -> Score:
    """A score from JSON that is not trusted.

    Args:
        value: what was parsed.
        where: names it in messages.

    Raises:
        FormatError: a field is missing, unknown or of another type, or the score is contradictory.
    """
    fields = as_mapping(value, where)
    refuse_unknown(fields, _FIELDS, where)
    counts = as_mapping(fields["n"], f"{where}.n")
    try:
        return Score(
            id=as_str(fields["id"], f"{where}.id"),
            value=_optional(fields["value"], f"{where}.value"),
            interval=_pair(fields["interval"], f"{where}.interval"),
            floor=_optional(fields["floor"], f"{where}.floor"),
            floor_interval=_pair(fields["floor_interval"], f"{where}.floor_interval"),
            n={name: as_int(count, f"{where}.n.{name}") for name, count in counts.items()},
            feature_id=as_str(fields["feature_id"], f"{where}.feature_id"),
            unit=as_str(fields["unit"], f"{where}.unit"),
            reason=as_str(fields["reason"], f"{where}.reason"),
        )
    except FormatError:
        raise
    except ValueError as error:
        msg = f"{where} is no score: {error}"
        raise FormatError(msg) from error


def as_number(value: Any, where: str) -> float:
    """A finite number, whole or not."""
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    msg = f"{where} must be a finite number, got {str(value)[:200]!r}"
    raise FormatError(msg)


def _optional(value: Any, where: str) -> float | None:
    return None if value is None else as_number(value, where)


def _pair(value: Any, where: str) -> Interval | None:
    if value is None:
        return None
    ends = as_list(value, where, most=2)
    if len(ends) != 2:
        msg = f"{where} must be two numbers, got {str(value)[:200]!r}"
        raise FormatError(msg)
    return as_number(ends[0], where), as_number(ends[1], where)


def _number(value: float | None, where: str) -> float | None:
    if value is None:
        return None
    if not math.isfinite(value):
        msg = f"the score {where!r} must be finite, or not run with a reason; got {value}"
        raise ValueError(msg)
    return float(value)


def _interval(ends: Interval | None, where: str) -> list[float | None] | None:
    return None if ends is None else [_number(end, where) for end in ends]
