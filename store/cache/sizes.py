"""Sizes as people write them."""

from __future__ import annotations

import re

__all__ = ["parse_bytes"]

_UNITS = {
    "": 1,
    "b": 1,
    **{f"{letter}b": 1000 ** (power + 1) for power, letter in enumerate("kmgt")},
    **{f"{letter}ib": 1024 ** (power + 1) for power, letter in enumerate("kmgt")},
}


def parse_bytes(size: int | str) -> int:
    """Bytes of a size: ``20_000_000_000``, ``"20GB"``, ``"1.5 TB"`` or ``"512MiB"``.

    Raises:
        ValueError: not a positive size.
    """
    number = size if isinstance(size, int) and not isinstance(size, bool) else 0
    if isinstance(size, str):
        match = re.fullmatch(r"\s*(\d{1,15}(?:\.\d{1,6})?)\s*([a-z]*)\s*", size.lower(), flags=re.ASCII)
        number = int(float(match[1]) * _UNITS[match[2]]) if match and match[2] in _UNITS else 0
    if number > 0:
        return number
    msg = f"a size must be a positive number of bytes, or text such as '20GB' or '512MiB', got {size!r}"
    raise ValueError(msg)
