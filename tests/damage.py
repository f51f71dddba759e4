"""Ways to damage a file, and all that can be damaged of a store."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FLIPS = 3
"""Of each file, beside its first and its last byte."""


def damages(file: Path) -> Iterator[str]:
    """Damages a file in one way after the other, and mends it in between; gives the name of each way.

    Flips one bit of the first, of the last and of some other bytes; cuts the file by a byte, to half, to nothing;
    appends a byte; removes it.
    """
    whole = file.read_bytes()
    chance = random.Random(file.name)
    for offset in sorted({0, len(whole) - 1, *(chance.randrange(len(whole)) for _ in range(_FLIPS))}):
        flipped = bytearray(whole)
        flipped[offset] ^= 1 << chance.randrange(8)
        file.write_bytes(flipped)
        yield f"byte {offset}"
    for size in (len(whole) - 1, len(whole) // 2, 0):
        file.write_bytes(whole[:size])
        yield f"cut to {size}"
    file.write_bytes(whole + b"x")
    yield "longer"
    file.unlink()
    yield "missing"
    file.write_bytes(whole)
