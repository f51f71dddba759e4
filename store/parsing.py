"""From JSON to typed values at the edge: each function returns what it is asked for or says what it got instead."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, NoReturn

from ..errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "as_bool",
    "as_float",
    "as_int",
    "as_list",
    "as_mapping",
    "as_str",
    "canonical_json",
    "parse_json",
    "refuse_unknown",
]

_LONGEST_STRING = 10_000


def canonical_json(value: Any) -> bytes:
    """The one spelling of a value: sorted keys, an indent of 1, UTF-8 as it is, no NaN, a newline at the end."""
    text = json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
    return text.encode() + b"\n"


def parse_json(data: bytes, where: str) -> Any:
    """Parse JSON from a store.

    Raises:
        FormatError: not UTF-8, not JSON, NaN or infinite, a key given twice, or nested too deeply.
    """
    try:
        return json.loads(data.decode(), parse_constant=_refuse_constant, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        msg = f"{where} is not valid JSON ({str(error)[:200]}); get the file again from its source"
        raise FormatError(msg) from error


def as_mapping(value: Any, where: str) -> dict[str, Any]:
    """A JSON object."""
    if isinstance(value, dict):
        return value
    raise _wrong(where, "an object", value)


def as_list(value: Any, where: str, *, most: int) -> list[Any]:
    """A JSON array of at most `most` items."""
    if isinstance(value, list) and len(value) <= most:
        return value
    raise _wrong(where, f"a list of at most {most} items", value)


def as_str(value: Any, where: str) -> str:
    """A string of sensible length."""
    if isinstance(value, str) and len(value) <= _LONGEST_STRING:
        return value
    raise _wrong(where, f"a string of at most {_LONGEST_STRING} characters", value)


def as_int(value: Any, where: str) -> int:
    """An integer of 0 to 2^63 - 1; every count and size of the format is one."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63:
        return value
    raise _wrong(where, "an integer of 0 to 2^63 - 1", value)


def as_bool(value: Any, where: str) -> bool:
    """``true`` or ``false``."""
    if isinstance(value, bool):
        return value
    raise _wrong(where, "true or false", value)


def as_float(value: Any, where: str) -> float:
    """A finite number, spelled with a fraction or an exponent, so that text → number → text is the identity."""
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise _wrong(where, "a float such as 1.0", value)


def refuse_unknown(fields: dict[str, Any], known: Iterable[str], where: str) -> None:
    """Check that an object has exactly the `known` fields.

    Raises:
        FormatError: a field is missing or unknown.
    """
    known = set(known)
    if missing := sorted(known - set(fields)):
        msg = f"{where} lacks the fields {', '.join(missing)}; get the store again from its source"
        raise FormatError(msg)
    if unknown := sorted(set(fields) - known):
        msg = f"{where} has unknown fields: {', '.join(unknown)[:200]}; do not trust it, or upgrade voxpress"
        raise FormatError(msg)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        msg = "a key is given twice"
        raise ValueError(msg)
    return fields


def _refuse_constant(text: str) -> NoReturn:
    msg = f"{text} is not a number in JSON"
    raise ValueError(msg)


def _wrong(where: str, expected: str, value: Any) -> FormatError:
    return FormatError(f"{where} must be {expected}, got {str(value)[:200]!r}")
