"""Single values of a recipe: each check says what the value must be and what it got."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Number", "Scalar", "invalid", "number", "number_or_text", "shown", "text", "triple", "whole"]

_MAX_SHOWN = 80


def shown(value: object) -> str:
    """A value as an error shows it: short, and with the traps of YAML named."""
    if isinstance(value, bool):
        return f"{str(value).lower()} (YAML reads an unquoted yes, no, on, off, true or false so: put it in quotes)"
    if value is None:
        return "nothing"
    told = repr(value)
    return told if len(told) <= _MAX_SHOWN else told[: _MAX_SHOWN - 1] + "…"


def invalid(must: str, value: object, *, hint: str = "") -> PydanticCustomError:
    """The one form of error: ``must be {must}, got {value}{hint}``."""
    told = {"must": must, "got": shown(value), "hint": hint}
    return PydanticCustomError("must_be", "must be {must}, got {got}{hint}", told)


def number(must: str = "a finite number", *, above: float | None = None) -> Callable[[Any], float]:
    """A check for a finite number, optionally greater than a bound; whole numbers become float64."""

    def check(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise invalid(must, value)
        try:
            # adding zero makes -0.0 and 0.0, which are equal, also look equal
            result = float(value) + 0.0
        except OverflowError:
            raise invalid(must, value) from None
        if not math.isfinite(result) or (above is not None and result <= above):
            raise invalid(must, value)
        return result

    return check


def whole(lowest: int, highest: int) -> Callable[[Any], int]:
    """A check for a whole number between two bounds, both included."""
    must = f"a whole number from {lowest} to {highest}"

    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
            raise invalid(must, value)
        return value

    return check


def text(pattern: str, must: str) -> Callable[[Any], str]:
    """A check for a text that matches a pattern from its start to its end."""
    compiled = re.compile(pattern)

    def check(value: Any) -> str:
        if not isinstance(value, str) or not compiled.fullmatch(value):
            raise invalid(must, value)
        return value

    return check


def triple(item: Callable[[Any], Any], must: str) -> Callable[[Any], tuple[Any, Any, Any]]:
    """A check for a list of three values, one for each axis."""

    def check(value: Any) -> tuple[Any, Any, Any]:
        if not isinstance(value, list | tuple) or len(value) != 3:
            raise invalid(must, value)
        try:
            x, y, z = (item(part) for part in value)
        except PydanticCustomError:
            raise invalid(must, value) from None
        return x, y, z

    return check


def number_or_text(value: Any) -> float | str:
    """A check for what a condition of one row can be: a finite number, or a text that is not blank."""
    if isinstance(value, str) and value.strip():
        return value
    return number("a finite number or a text")(value)


Number = Annotated[float, BeforeValidator(number())]
Scalar = Annotated[float | str, BeforeValidator(number_or_text)]
