"""Reads boxes of samples: a plan of byte ranges first, then reads that decode straight into their targets.

Work comes as tasks that any threads may run: `Reader.open` looks up a shard's index and plans, `Read.run` fetches one
byte range and unpacks its chunks. Nothing here starts a thread.
"""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ..errors import CorruptError
from .box_copy import copy_box
from .chunk_access import ChunkAccess
from .codec_chain import has_checksum
from .codecs import check_crc
from .files import ADVICE
from .frame_reads import WIDE_GAP_BYTES, chunks_of, frame_reads
from .frames import Frames
from .layout import shard_path, split_and_name
from .plan import Coalescing, checked_box
from .read_memory import ReadMemory
from .reads import Fetching, Piece, Wanted, pieces_of
from .shard_indexes import FETCHES, ShardIndexes
from .sources.process import PerProcess
from .threads import available_cpus

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from .arrays import ArraySpec, Box
    from .cache import Cache, CachedShard
    from .frame_reads import FrameRead
    from .manifest import Manifest
    from .reads import Read
    from .sources import Source

__all__ = ["Reader"]

LOCAL: Final = Coalescing(max_gap_bytes=32 * 2**10, max_read_bytes=2 * 2**20)
"""A read of a local file costs some microseconds, about what copying 32 KiB does. What is read at once is about what
the caches of a core hold, so that it is unpacked from there."""
REMOTE: Final = Coalescing(max_gap_bytes=256 * 2**10, max_read_bytes=4 * 2**20)
"""At 20 ms a request and 100 MB/s, one request costs what 2 MB do: much less is not worth skipping, and twice that in
one leaves enough requests to keep many threads busy."""
_SMALL_CHUNK_BYTES: Final = 256 * 2**10
"""Frames that came as they lie in the file must be copied behind each other before one call unpacks them. With chunks
of 70 KiB, whole epochs of patches are read 1.29 times as fast so; with chunks of 700 KiB it gains nothing and costs a
tenth more CPU. Where they are received behind each other, volumes of such chunks are read 1.16 times as fast."""


class Reader:
    """The voxels of a store, as planned reads.

    Shard indexes are kept, within a limit in bytes. A copy in another process starts empty.

    Args:
        source: where the bytes are.
        manifest: what they should be.
        cache: where shards of a remote source are kept.
    """

    def __init__(self, source: Source, manifest: Manifest, cache: Cache | None = None) -> None:
        self.source = source
        self.cache = cache if source.remote else None
        self._manifest = manifest
        self._rule = REMOTE if source.remote else LOCAL
        self._read_parts = getattr(source, "read_parts", _never)
        self._scatters = source.remote and self.cache is None and getattr(source, "fills_parts", False)
        self._indexes = ShardIndexes(source, manifest, self._cached)
        self._accesses: dict[str, ChunkAccess] = {}
        self._unused: deque[ReadMemory] = deque()
        self._unpackers = PerProcess(_one_a_core)

    def __reduce__(self) -> tuple[Any, ...]:
        return Reader, (self.source, self._manifest, self.cache)

    def shard_of(self, path: str, slot: int) -> str:
        """File that holds a sample, relative to the store."""
        split, name = split_and_name(path)
        return shard_path(split, name, slot // self._manifest.arrays[path].shard_samples)

    def read(self, path: str, slot: int, box: Box | None = None) -> NDArray[Any]:
        """One sample or a box of it, read in this thread.

        Returns:
            (x, y, z) in the stored dtype; the caller may write to it.

        Raises:
            CorruptError: the bytes are missing or wrong.
            IndexError: the box is empty or leaves the sample.
        """
        spec = self._manifest.arrays[path]
        ranges = checked_box(box, spec.shape)
        target: NDArray[Any] = np.empty([stop - start for start, stop in ranges], spec.numpy_dtype)
        wanted = Wanted(path=path, slot=slot, box=None if box is None else ranges, target=target)
        for read in self.open(self.shard_of(path, slot), [wanted]):
            read.run()
        return target.astype(spec.dtype, copy=False)

    def open(self, shard: str, wanted: Sequence[Wanted]) -> list[Read] | list[FrameRead]:
        """Plan the reads for boxes of one shard. Looks up its index; chunks that are all background are filled here.

        Args:
            shard: the file that `shard_of` names for all of them.
            wanted: boxes of one array.

        Raises:
            CorruptError: the file is missing, has another size than the manifest says, or its index is wrong.
        """
        access = self._access(wanted[0].path)
        index = self._indexes.of(shard, access.spec)
        together = not self.source.remote or self._scatters or access.chunk_bytes <= _SMALL_CHUNK_BYTES
        if not access.by_one_call or not together:
            return self._piece_reads(shard, access, wanted, index)
        frames = [frame for one in wanted for frame in frame_reads(self, shard, one, access, index)]
        if not self.source.remote or not frames:
            return frames
        return self._fetching(shard, access).of_frames(frames)

    def _piece_reads(
        self, shard: str, access: ChunkAccess, wanted: Sequence[Wanted], index: NDArray[np.int64]
    ) -> list[Read]:
        pieces: list[Piece] = []
        owners: list[int] = []
        for owner, one in enumerate(wanted):
            own = pieces_of(one, access, index)
            pieces += own
            # sharing a request pays over a network; on a disk, a read for each box lets more threads work
            owners += [0 if self.source.remote else owner] * len(own)
        return self._fetching(shard, access).of_pieces(pieces, owners) if pieces else []

    def _fetching(self, shard: str, access: ChunkAccess) -> Fetching:
        return Fetching(reader=self, shard=shard, rule=self._rule, cached=self._cached(shard, access.spec))

    def whole_shard(self, shard: str, path: str) -> list[Read]:
        """Reads that bring what is missing of a shard into the cache; nothing is unpacked, checksums are checked."""
        if self.cache is None:
            return []
        access = self._access(path)
        index = self._indexes.of(shard, access.spec)
        numbers = np.flatnonzero(index[:, 0] >= 0)
        pieces = [
            Piece(number, start, start + size)
            for number, (start, size) in zip(numbers.tolist(), index[numbers].tolist(), strict=True)
        ]
        reads = self._fetching(shard, access).of_pieces(pieces, [0] * len(pieces))
        return [read for read in reads if read.keep]

    def _access(self, path: str) -> ChunkAccess:
        found = self._accesses.get(path)
        return found or self._accesses.setdefault(path, self._new_access(self._manifest.arrays[path]))

    def _new_access(self, spec: ArraySpec) -> ChunkAccess:
        return ChunkAccess(spec)

    def _run(self, read: Read) -> None:
        if read.keep is not None and read.is_fetched_only and read.keep.have([p.number for p in read.pieces]).all():
            # another thread or process has brought them meanwhile
            return
        memory = self._memory()
        try:
            self._from_source(read, memory)
        finally:
            self._unused.append(memory)

    def _run_frames(self, read: FrameRead) -> None:
        memory = self._memory()
        try:
            sound = self._from_file(read, memory)
        finally:
            self._unused.append(memory)
        if not sound:
            # one by one will tell what is wrong
            index = self._indexes.of(read.shard, read.access.spec)
            for each in self._piece_reads(read.shard, read.access, [read.wanted], index):
                each.run()

    def _memory(self) -> ReadMemory:
        try:
            return self._unused.pop()
        except IndexError:
            return ReadMemory()

    def _from_file(self, read: FrameRead, memory: ReadMemory) -> bool:
        """Read all chunks, and unpack them by one call; False if anything is wrong."""
        room = memory.bytes(sum(read.stops) - sum(read.starts) + WIDE_GAP_BYTES)
        frames = Frames.of(read.starts, read.stops, room, max_gap_bytes=WIDE_GAP_BYTES)
        if frames is None:
            return False
        if not all(self._read_parts(read.shard, start, parts) for start, parts in frames.runs):
            return False
        with self._unpacking() as scratch:
            return self._unpack_frames(read, frames, scratch)

    @contextmanager
    def _unpacking(self) -> Iterator[ReadMemory]:
        """Memory to unpack with, for as many threads at a time as there are cores.

        More would only wait for cores and the GIL, in the midst of what others wait for, and each with memory of its
        own: with 16 threads for a server, patches come 1.1 to 1.3 times as fast so.
        """
        unpackers = self._unpackers.get()
        memory = unpackers.get()
        try:
            yield memory
        finally:
            unpackers.put(memory)

    def _unpack_frames(self, read: FrameRead, frames: Frames, memory: ReadMemory) -> bool:
        straight = read.straight()
        chunks = memory.chunks(read.access.spec, len(read.numbers)) if straight is None else straight
        try:
            self._decode_frames(read, frames, chunks)
        except ValueError:
            return False
        if straight is None:
            read.put(chunks)
        return True

    def _decode_frames(self, read: FrameRead, frames: Frames, out: NDArray[Any]) -> None:
        frames.unpack(read.access.chunk_bytes, out)

    def _from_source(self, read: Read, memory: ReadMemory) -> None:
        if self._scatters and read.frames and self._scattered(read, memory):
            return
        data = memory.bytes(read.stop - read.start)
        keep = read.keep
        if read.cached is None or not read.cached.read_into(read.start, data.data):
            keep = read.keep or read.cached
            self.source.read_into(read.shard, read.start, data.data)
        if read.frames and self._all_frames(read, data):
            numbers, starts, stops = chunks_of(read.frames)
        else:
            # frames too: one by one will tell what is wrong
            sound = self._one_by_one(read, read.pieces or self._pieces_instead(read), data)
            numbers = [piece.number for piece in sound]
            starts, stops = [piece.start for piece in sound], [piece.stop for piece in sound]
        if keep is not None and numbers:
            parts = [data[start - read.start : stop - read.start] for start, stop in zip(starts, stops, strict=True)]
            keep.keep(numbers, starts, parts)

    def _scattered(self, read: Read, memory: ReadMemory) -> bool:
        """Have chunks received where they are unpacked from; False if they overlap, or anything is wrong."""
        size = read.stop - read.start
        _, starts, stops = chunks_of(read.frames)
        frames = Frames.of(starts, stops, memory.bytes(size), max_gap_bytes=size)
        if frames is None or not all(self._read_parts(read.shard, start, parts) for start, parts in frames.runs):
            return False
        each = frames.split([len(frame.numbers) for frame in read.frames])
        with self._unpacking() as scratch:
            return all(self._unpack_frames(*pair, scratch) for pair in zip(read.frames, each, strict=True))

    def _all_frames(self, read: Read, data: NDArray[np.uint8]) -> bool:
        """Unpack the chunks of each box by one call; False if anything is wrong."""
        with self._unpacking() as memory:
            for frame in read.frames:
                frames = Frames.of(frame.starts, frame.stops, memory.bytes(len(data)), max_gap_bytes=0)
                if frames is None:
                    return False
                frames.fill(data, read.start)
                if not self._unpack_frames(frame, frames, memory):
                    return False
        return True

    def _pieces_instead(self, read: Read) -> list[Piece]:
        """The chunks of its frames one by one."""
        index = self._indexes.of(read.shard, read.frames[0].access.spec)
        return [
            piece
            for frame in read.frames
            for piece in pieces_of(frame.wanted, frame.access, index)
            if piece.number in frame.numbers
        ]

    def _one_by_one(self, read: Read, pieces: Sequence[Piece], data: NDArray[np.uint8]) -> list[Piece]:
        """Unpack pieces; those that were damaged on the way, or in the cache, are fetched again and left out here."""
        sound: list[Piece] = []
        wrong: list[tuple[Piece, ValueError]] = []
        with self._unpacking() as memory:
            for piece in pieces:
                try:
                    self._unpack(read.shard, piece, data[piece.start - read.start : piece.stop - read.start], memory)
                except ValueError as error:
                    wrong.append((piece, error))
                else:
                    sound.append(piece)
        for piece, problem in wrong:
            self._again(read, piece, problem)
        return sound

    def _again(self, read: Read, piece: Piece, error: ValueError) -> None:
        if read.cached is not None:
            read.cached.forget([piece.number])
        data = np.empty(piece.stop - piece.start, np.uint8)
        for _ in range(FETCHES if self.source.remote else 0):
            self.source.read_into(read.shard, piece.start, data.data)
            try:
                with self._unpacking() as memory:
                    self._unpack(read.shard, piece, data, memory)
            except ValueError as again:
                error = again
                continue
            if (keep := read.keep or read.cached) is not None:
                keep.keep([piece.number], [piece.start], [data])
            return
        msg = f"{read.shard} cannot be decoded ({error}); {ADVICE}"
        raise CorruptError(msg, kind="checksum", path=read.shard) from error

    def _unpack(self, shard: str, piece: Piece, data: NDArray[np.uint8], memory: ReadMemory) -> None:
        access = self._access(shard.rpartition("/")[0])
        if piece.wanted is None:
            if has_checksum(access.spec.codecs):
                check_crc(data)
            return
        target, fill = piece.target, piece.wanted.fill
        assert target is not None
        if piece.inner is None and fill is None and target.flags.c_contiguous:
            access.decode(data, target)
            return
        (chunk,) = memory.chunks(access.spec, 1)
        access.decode(data, chunk)
        (fill or copy_box)(target, chunk if piece.inner is None else chunk[piece.inner])

    def _cached(self, shard: str, spec: ArraySpec) -> CachedShard | None:
        # without checksums nobody would notice a torn piece
        if self.cache is None or not has_checksum(spec.codecs):
            return None
        record = self._manifest.files[shard]
        return self.cache.open_shard(record.sha256, record.bytes, spec.shard_samples * spec.chunks_per_sample)


def _never(path: str, start: int, parts: Sequence[memoryview]) -> bool:  # noqa: ARG001 - as `LocalSource.read_parts`
    return False


def _one_a_core() -> SimpleQueue[ReadMemory]:
    memories: SimpleQueue[ReadMemory] = SimpleQueue()
    for _ in range(available_cpus()):
        memories.put(ReadMemory())
    return memories
