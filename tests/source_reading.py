"""What the tests of sources run in other processes: those import it by name."""

from __future__ import annotations

import hashlib
import os
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from voxpress.store.sources import Source

__all__ = ["read", "report"]


def read(source: Source, path: str, start: int, length: int) -> bytes:
    """Bytes of a file."""
    out = bytearray(length)
    source.read_into(path, start, memoryview(out))
    return bytes(out)


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
