"""How much of some files is in memory already, so that reading them tells nothing about the disk."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["share_in_memory"]

_PROBES: Final = 64
"""Of one byte each; more would bring in what they ask about, as the system reads ahead."""


def share_in_memory(files: Sequence[Path]) -> float | None:
    """Share of the bytes of some files that the page cache holds, from a few places in them.

    Returns:
        0 to 1; None where the system cannot tell.
    """
    if not files or not hasattr(os, "RWF_NOWAIT"):
        return None
    each = max(1, _PROBES // len(files))
    found = [_is_there(file, part / each) for file in files[:: max(1, len(files) // _PROBES)] for part in range(each)]
    known = [there for there in found if there is not None]
    return sum(known) / len(known) if known else None


def _is_there(file: Path, part: float) -> bool | None:
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        place = int(os.fstat(descriptor).st_size * part)
        return os.preadv(descriptor, [bytearray(1)], place, os.RWF_NOWAIT) == 1
    except OSError as error:
        return False if error.errno == errno.EAGAIN else None
    finally:
        os.close(descriptor)
