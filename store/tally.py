"""What reading costs, counted over threads and worker processes."""

from __future__ import annotations

import multiprocessing
import time
from dataclasses import dataclass, fields
from typing import Self

__all__ = ["Counts", "Stopwatch", "Tally"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Sums so far; seconds are those of all threads together, ``…_cpu_s`` without the time that they waited.

    Attributes:
        files, file_bytes, files_s: small files that were read whole: manifest and table.
        requests, bytes: ranges that were read. What a source does for one (redirects, attempts) is not seen.
        fetch_s, fetch_cpu_s: within these.
        index_s, index_cpu_s: of which for the indexes of shards.
        boxes: asked for, each of one array of one sample.
        run_s, run_cpu_s: within reads of voxels: fetching, the cache, unpacking.
        chunks, chunk_bytes: unpacked, and the bytes that they unpack to.
        wanted_bytes: those of them that lie in a box.
        unpack_s, unpack_cpu_s: from bytes of the source to numbers in the batch.
        decode_s, decode_cpu_s: of which in the codecs, checksums included; the rest converts and copies.
        transform_s, transform_cpu_s: in the transform of a stream.
        worker_cpu_s: of worker processes as a whole.
    """

    files: float = 0
    file_bytes: float = 0
    files_s: float = 0
    requests: float = 0
    bytes: float = 0
    fetch_s: float = 0
    fetch_cpu_s: float = 0
    index_s: float = 0
    index_cpu_s: float = 0
    boxes: float = 0
    run_s: float = 0
    run_cpu_s: float = 0
    chunks: float = 0
    chunk_bytes: float = 0
    wanted_bytes: float = 0
    unpack_s: float = 0
    unpack_cpu_s: float = 0
    decode_s: float = 0
    decode_cpu_s: float = 0
    transform_s: float = 0
    transform_cpu_s: float = 0
    worker_cpu_s: float = 0

    def __sub__(self, before: Self) -> Counts:
        return Counts(**{name: getattr(self, name) - getattr(before, name) for name in _NAMES})


_NAMES = tuple(field.name for field in fields(Counts))
_PLACES = {name: place for place, name in enumerate(_NAMES)}


class Tally:
    """Counts that threads, and the workers of a `DataLoader`, add to at once. Pickles only into a child process."""

    def __init__(self) -> None:
        context = multiprocessing.get_context()
        self._lock = context.Lock()
        self._sums = context.RawArray("d", len(_NAMES))

    def add(self, **amounts: float) -> None:
        """Add to some of the `Counts`."""
        with self._lock:
            for name, amount in amounts.items():
                self._sums[_PLACES[name]] += amount

    def now(self) -> Counts:
        """The counts so far."""
        with self._lock:
            return Counts(**dict(zip(_NAMES, self._sums, strict=True)))


class Stopwatch:
    """Seconds, and CPU seconds of this thread, since it was made."""

    __slots__ = ("_cpu", "_wall")

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.thread_time()

    def read(self) -> tuple[float, float]:
        """Seconds that passed, and those in which this thread computed."""
        return time.perf_counter() - self._wall, time.thread_time() - self._cpu
