"""What the tests of sources run in other processes: those import it by name."""

from __future__ import annotations

import hashlib
import os
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from voxpress.store.sources import Limits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from voxpress.store.sources import Source

__all__ = ["DATA", "FAULTS", "IMPATIENT", "QUICK", "read", "read_parts", "report"]

DATA = np.random.default_rng(0).integers(0, 256, 300_000, dtype=np.uint8).tobytes()
FAULTS = ["error_500", "error_503", "error_429", "reset", "truncate", "stall", "trickle", "trickle_head"]
QUICK = Limits(
    connect_s=1,
    timeout_s=0.15,
    least_bytes=50_000,
    deadline_s=4,
    patience_s=4,
    first_delay_s=0.002,
    longest_delay_s=0.02,
)
IMPATIENT = Limits(
    connect_s=1,
    timeout_s=0.1,
    least_bytes=50_000,
    deadline_s=0.3,
    patience_s=0.5,
    first_delay_s=0.01,
    longest_delay_s=0.05,
)


def read(source: Source, path: str, start: int, length: int) -> bytes:
    """Bytes of a file."""
    out = bytearray(length)
    source.read_into(path, start, memoryview(out))
    return bytes(out)


def read_parts(source: Source, path: str, start: int, sizes: Sequence[int]) -> list[bytes]:
    """Bytes of a file that follow each other, in pieces."""
    parts = [bytearray(size) for size in sizes]
    assert source.read_parts(path, start, [memoryview(part) for part in parts])
    return [bytes(part) for part in parts]


def report(source: Source, path: str, length: int, queue: Any) -> None:
    """Read in several threads at once, and put the digests, or the error, into a queue."""
    said: list[str] = []

    def work() -> None:
        try:
            said.append(hashlib.sha256(read(source, path, 0, length)).hexdigest())
        except Exception as error:  # noqa: BLE001 - told to the parent
            said.append(f"{type(error).__name__}: {error}")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    queue.put((os.getpid(), said))
