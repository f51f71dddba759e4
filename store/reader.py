"""Reads boxes of samples: a plan of byte ranges first, then reads that decode straight into their targets.

Work comes as tasks that any threads may run: `Reader.open` looks up a shard's index and plans, `Read.run` fetches one
byte range and unpacks its chunks. Nothing here starts a thread.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ..errors import CorruptError
from .box_copy import copy_box
from .chunk_access import ChunkAccess
from .codec_chain import has_checksum
from .codecs import check_crc
from .files import ADVICE
from .frame_reads import WIDE_GAP_BYTES, FrameRead, fill_background, frame_reads
from .frames import Frames
from .layout import shard_path, split_and_name
from .plan import Coalescing, checked_box, coalesce, parts_of
from .read_memory import ReadMemory
from .shard_indexes import FETCHES, ShardIndexes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from .arrays import ArraySpec, Box
    from .cache import Cache, CachedShard
    from .manifest import Manifest
    from .plan import Slices
    from .sources import Source

    Fill = Callable[[NDArray[Any], NDArray[Any]], None]
    """Puts stored voxels (second) into a target (first) of the same shape."""

__all__ = ["Read", "Reader", "Wanted"]

LOCAL: Final = Coalescing(max_gap_bytes=32 * 2**10, max_read_bytes=2 * 2**20)
"""A read of a local file costs some microseconds, about what copying 32 KiB does. What is read at once is about what
the caches of a core hold, so that it is unpacked from there."""
REMOTE: Final = Coalescing(max_gap_bytes=256 * 2**10, max_read_bytes=4 * 2**20)
"""At 20 ms a request and 100 MB/s, one request costs what 2 MB do: much less is not worth skipping, and twice that in
one leaves enough requests to keep many threads busy."""
_SMALL_CHUNK_BYTES: Final = 256 * 2**10
"""Frames that a server sent have to be put behind each other before one call unpacks them. With chunks of 70 KiB, whole
epochs of patches are read 1.29 times as fast so; with chunks of 700 KiB it gains nothing and costs a tenth more CPU."""


@dataclass(slots=True, kw_only=True, eq=False)
class Wanted:
    """A box of one sample, and where its voxels go.

    Attributes:
        path: folder of the array, a key of `Manifest.arrays`.
        slot: of the sample in the array.
        box: inside the sample and not empty; None for all of it.
        target: of the box's shape.
        fill: how stored voxels get into the target; None where it has the stored dtype.
        ticket: whatever the caller tells its boxes apart by.
    """

    path: str
    slot: int
    box: Box | None
    target: NDArray[Any]
    fill: Fill | None = None
    ticket: Any = None


@dataclass(slots=True, eq=False)
class _Piece:
    """One inner chunk and the part of it that is wanted; if nothing is, it is only fetched into the cache."""

    number: int
    start: int
    stop: int
    wanted: Wanted | None = None
    inner: Slices | None = None
    outer: Slices | None = None

    @property
    def target(self) -> NDArray[Any] | None:
        """Where it goes."""
        return None if self.wanted is None or self.outer is None else self.wanted.target[self.outer]


@dataclass(slots=True, kw_only=True, eq=False)
class Read:
    """Pieces of a shard that are read together. `run` may be called from any thread, once.

    Attributes:
        shard: file, relative to the store.
        start, stop: byte range that they lie in, end excluded.
        cached: it is in the local cache already.
    """

    reader: Reader
    shard: str
    start: int
    stop: int
    pieces: list[_Piece]
    cached: CachedShard | None = None
    keep: CachedShard | None = None

    @property
    def tickets(self) -> set[Any]:
        """Tickets of the boxes that wait for this read."""
        return {None if piece.wanted is None else piece.wanted.ticket for piece in self.pieces}

    def run(self) -> None:
        """Fetch the pieces and unpack them into the targets.

        Raises:
            CorruptError: bytes are missing, or still wrong when they are fetched again.
            RemoteError: the server failed for good.
        """
        self.reader._run(self)  # noqa: SLF001 - a read is a part of its reader


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
        self._read_parts = None if source.remote else getattr(source, "read_parts", None)
        self._indexes = ShardIndexes(source, manifest, self._cached)
        self._accesses: dict[str, ChunkAccess] = {}
        self._unused: deque[ReadMemory] = deque()

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
        if access.by_one_call and self._read_parts is not None:
            return [read for one in wanted for read in frame_reads(self, shard, one, access, index)]
        return self._piece_reads(shard, access, wanted, index)

    def _piece_reads(
        self, shard: str, access: ChunkAccess, wanted: Sequence[Wanted], index: NDArray[np.int64]
    ) -> list[Read]:
        spec = access.spec
        held: list[_Piece] = []
        owners: list[int] = []
        for owner, one in enumerate(wanted):
            parts = access.whole if one.box is None else parts_of(one.box, spec)
            numbers = parts.numbers + one.slot % spec.shard_samples * access.per_sample
            entries = index[numbers].tolist()
            for number, (inner, outer), (start, size) in zip(numbers.tolist(), parts.slices, entries, strict=True):
                if start < 0:
                    fill_background(one.target[outer], one.fill, spec.numpy_dtype)
                    continue
                held.append(_Piece(number, start, start + size, one, inner, outer))
                owners.append(owner)
        # sharing a request pays over a network; on a disk, a read for each box lets more threads work
        return self._reads(shard, access, held, [0] * len(owners) if self.source.remote else owners)

    def whole_shard(self, shard: str, path: str) -> list[Read]:
        """Reads that bring what is missing of a shard into the cache; nothing is unpacked, checksums are checked."""
        if self.cache is None:
            return []
        access = self._access(path)
        index = self._indexes.of(shard, access.spec)
        numbers = np.flatnonzero(index[:, 0] >= 0)
        held = [
            _Piece(number, start, start + size)
            for number, (start, size) in zip(numbers.tolist(), index[numbers].tolist(), strict=True)
        ]
        return [read for read in self._reads(shard, access, held, [0] * len(held)) if read.keep]

    def _access(self, path: str) -> ChunkAccess:
        found = self._accesses.get(path)
        return found or self._accesses.setdefault(path, self._new_access(self._manifest.arrays[path]))

    def _new_access(self, spec: ArraySpec) -> ChunkAccess:
        return ChunkAccess(spec)

    def _reads(self, shard: str, access: ChunkAccess, held: list[_Piece], owners: list[int]) -> list[Read]:
        cached = self._cached(shard, access.spec) if held else None
        if cached is not None:
            have = cached.have([piece.number for piece in held]).tolist()
            owners = [owner * 2 + here for owner, here in zip(owners, have, strict=True)]
        ranges = [(owner, piece.start, piece.stop) for owner, piece in zip(owners, held, strict=True)]
        reads = []
        for numbers in coalesce(ranges, self._rule):
            pieces = [held[number] for number in numbers]
            is_here = cached is not None and have[numbers[0]]
            reads.append(
                Read(
                    reader=self,
                    shard=shard,
                    start=pieces[0].start,
                    stop=max(piece.stop for piece in pieces),
                    pieces=pieces,
                    cached=cached if is_here else None,
                    keep=None if is_here else cached,
                )
            )
        return reads

    def _run(self, read: Read) -> None:
        numbers = [piece.number for piece in read.pieces]
        if read.keep is not None and read.keep.have(numbers).all() and all(p.wanted is None for p in read.pieces):
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
        size = sum(stop - start for start, stop in read.ranges)
        frames = Frames.of(read.ranges, memory.bytes(size + WIDE_GAP_BYTES), max_gap_bytes=WIDE_GAP_BYTES)
        if frames is None:
            return False
        assert self._read_parts is not None
        for start, parts in frames.runs:
            if not self._read_parts(read.shard, start, parts):
                return False
        return self._unpack_frames(read, frames, memory)

    def _unpack_frames(self, read: FrameRead, frames: Frames, memory: ReadMemory) -> bool:
        straight = read.straight()
        chunks = memory.chunks(read.access.spec, len(read.ranges)) if straight is None else straight
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
        data = memory.bytes(read.stop - read.start)
        keep = read.keep
        if read.cached is None or not read.cached.read_into(read.start, data.data):
            keep = read.keep or read.cached
            self.source.read_into(read.shard, read.start, data.data)
        sound = read.pieces
        if not self._at_once(read, data, memory):
            sound = [piece for piece in read.pieces if self._is_sound(read, piece, data, memory)]
        if keep is not None and sound:
            parts = [data[piece.start - read.start : piece.stop - read.start] for piece in sound]
            keep.keep([piece.number for piece in sound], [piece.start for piece in sound], parts)

    def _at_once(self, read: Read, data: NDArray[np.uint8], memory: ReadMemory) -> bool:
        """Unpack all pieces by few calls; False if anything is wrong, or if that does not pay."""
        access = self._access(read.shard.rpartition("/")[0])
        if not access.by_one_call or access.chunk_bytes > _SMALL_CHUNK_BYTES:
            return False
        numbers: dict[Wanted, set[int]] = {}
        for piece in read.pieces:
            if piece.wanted is None:
                return False
            numbers.setdefault(piece.wanted, set()).add(piece.number)
        index, room = self._indexes.of(read.shard, access.spec), memory.bodies(len(data))
        return all(
            self._unpack_frames(part, Frames.taken(part.ranges, data, read.start, room), memory)
            for wanted, some in numbers.items()
            for part in frame_reads(self, read.shard, wanted, access, index, only=some)
        )

    def _is_sound(self, read: Read, piece: _Piece, data: NDArray[np.uint8], memory: ReadMemory) -> bool:
        """Unpack a piece; one that was damaged on the way, or in the cache, is fetched again, and kept apart."""
        try:
            self._unpack(read.shard, piece, data[piece.start - read.start : piece.stop - read.start], memory)
        except ValueError as error:
            self._again(read, piece, error, memory)
            return False
        return True

    def _again(self, read: Read, piece: _Piece, error: ValueError, memory: ReadMemory) -> None:
        if read.cached is not None:
            read.cached.forget([piece.number])
        data = np.empty(piece.stop - piece.start, np.uint8)
        for _ in range(FETCHES if self.source.remote else 0):
            self.source.read_into(read.shard, piece.start, data.data)
            try:
                self._unpack(read.shard, piece, data, memory)
            except ValueError as again:
                error = again
                continue
            if (keep := read.keep or read.cached) is not None:
                keep.keep([piece.number], [piece.start], [data])
            return
        msg = f"{read.shard} cannot be decoded ({error}); {ADVICE}"
        raise CorruptError(msg, kind="checksum", path=read.shard) from error

    def _unpack(self, shard: str, piece: _Piece, data: NDArray[np.uint8], memory: ReadMemory) -> None:
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
