"""A store opened to be measured: the same reads, each counted and timed where its work is done.

Kept apart from the reader, so that reading for its own sake pays nothing for it.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import StoreNotFoundError
from .chunk_access import ChunkAccess
from .codecs import decoder
from .cohort import Cohort
from .opened import OpenStore
from .opening import open as open_store
from .opening import open_source
from .reader import Reader
from .shard_indexes import ShardIndexes
from .sources import source_of
from .sources.counted import CountedSource
from .tally import Stopwatch, Tally

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from .arrays import ArraySpec
    from .cache import Cache
    from .codecs import Decode
    from .frame_reads import FrameRead
    from .frames import Frames
    from .manifest import Manifest
    from .read_memory import ReadMemory
    from .reads import Piece, Read, Wanted

__all__ = ["TimedReader", "TimedStore", "open_timed"]


def open_timed(path: str | os.PathLike[str], *, cache: Cache | None = None) -> Cohort:
    """Open a data set to be measured; arguments and errors as in `open`.

    Returns:
        a cohort whose `store` is a `TimedStore`.
    """
    source = CountedSource(source_of(path))
    try:
        cohort = open_source(source, cache=cache)
    except StoreNotFoundError:
        # knows more about why there is nothing in a folder
        open_store(path, cache=cache)
        raise
    return Cohort(TimedStore(source, cohort.manifest, cache))


class TimedStore(OpenStore):
    """One store, with a tally of all that is read of it, by worker processes too."""

    def __init__(self, source: CountedSource, manifest: Manifest, cache: Cache | None = None) -> None:
        super().__init__(source, manifest, cache)
        self.reader: TimedReader = TimedReader(source, manifest, cache)

    def __reduce__(self) -> tuple[Any, ...]:
        return TimedStore, (self.source, self.manifest, self.reader.cache)

    @property
    def tally(self) -> Tally:
        """What was read so far."""
        return self.reader.tally


class TimedReader(Reader):
    """A reader that adds what it does to the tally of its source."""

    def __init__(self, source: CountedSource, manifest: Manifest, cache: Cache | None = None) -> None:
        super().__init__(source, manifest, cache)
        self.tally = source.tally
        self._inner = source.inner
        indexes = CountedSource(source.inner, source.tally, of_indexes=True)
        self._indexes = ShardIndexes(indexes, manifest, self._cached)

    def __reduce__(self) -> tuple[Any, ...]:
        return TimedReader, (self.source, self._manifest, self.cache)

    def open(self, shard: str, wanted: Sequence[Wanted]) -> list[Read] | list[FrameRead]:
        """Plan reads; as `Reader.open`."""
        self.tally.add(boxes=len(wanted))
        return super().open(shard, wanted)

    def packed(self, shard: str, wanted: Sequence[Wanted]) -> list[tuple[str, NDArray[np.uint8]]]:
        """The bytes of the chunks that some boxes of one shard touch, each with the path of its array; not counted."""
        access, chunks = self._access(wanted[0].path), []
        for read in self._piece_reads(shard, access, wanted, self._indexes.of(shard, access.spec)):
            data = np.empty(read.stop - read.start, np.uint8)
            self._inner.read_into(shard, read.start, data.data)
            chunks += [
                (wanted[0].path, data[piece.start - read.start : piece.stop - read.start]) for piece in read.pieces
            ]
        return chunks

    def _run(self, read: Read) -> None:
        watch = Stopwatch()
        super()._run(read)
        wall, cpu = watch.read()
        self.tally.add(run_s=wall, run_cpu_s=cpu)

    def _new_access(self, spec: ArraySpec) -> ChunkAccess:
        return _TimedAccess(spec, self.tally)

    def _run_frames(self, read: FrameRead) -> None:
        watch = Stopwatch()
        super()._run_frames(read)
        wall, cpu = watch.read()
        self.tally.add(run_s=wall, run_cpu_s=cpu)

    @contextmanager
    def _unpacking(self) -> Iterator[ReadMemory]:
        watch = Stopwatch()
        with super()._unpacking() as memory:
            # to wait for a core is no part of a read
            self.tally.add(run_s=-watch.read()[0])
            yield memory

    def _unpack_frames(self, read: FrameRead, frames: Frames, memory: ReadMemory) -> bool:
        watch = Stopwatch()
        if not super()._unpack_frames(read, frames, memory):
            return False
        wall, cpu = watch.read()
        self._add(read.access, len(read.numbers), read.targets(), wall, cpu)
        return True

    def _decode_frames(self, read: FrameRead, frames: Frames, out: NDArray[Any]) -> None:
        watch = Stopwatch()
        super()._decode_frames(read, frames, out)
        wall, cpu = watch.read()
        self.tally.add(decode_s=wall, decode_cpu_s=cpu)

    def _unpack(self, shard: str, piece: Piece, data: NDArray[np.uint8], memory: ReadMemory) -> None:
        watch = Stopwatch()
        super()._unpack(shard, piece, data, memory)
        wall, cpu = watch.read()
        if (target := piece.target) is not None:
            self._add(self._access(shard.rpartition("/")[0]), 1, [target], wall, cpu)

    def _add(self, access: ChunkAccess, chunks: int, targets: Sequence[NDArray[Any]], wall: float, cpu: float) -> None:
        self.tally.add(
            chunks=chunks,
            chunk_bytes=chunks * access.chunk_bytes,
            wanted_bytes=sum(target.size for target in targets) * access.spec.numpy_dtype.itemsize,
            unpack_s=wall,
            unpack_cpu_s=cpu,
        )


class _TimedAccess(ChunkAccess):
    def __init__(self, spec: ArraySpec, tally: Tally) -> None:
        super().__init__(spec)
        self._tally = tally

    @cached_property
    def decode(self) -> Decode:
        return _timed(decoder(self.spec), self._tally)


def _timed(decode: Decode, tally: Tally) -> Decode:
    def timed(data: NDArray[np.uint8], out: NDArray[Any]) -> None:
        watch = Stopwatch()
        decode(data, out)
        wall, cpu = watch.read()
        tally.add(decode_s=wall, decode_cpu_s=cpu)

    return timed
