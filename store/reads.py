"""Which chunks of a shard are read together: boxes, and the plans for them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .frame_reads import chunks_of, fill_background
from .plan import coalesce, parts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from .arrays import Box
    from .cache import CachedShard
    from .chunk_access import ChunkAccess
    from .frame_reads import FrameRead
    from .plan import Coalescing, Slices
    from .reader import Reader

    Fill = Callable[[NDArray[Any], NDArray[Any]], None]
    """Puts stored voxels (second) into a target (first) of the same shape."""

__all__ = ["Fetching", "Piece", "Read", "Wanted", "pieces_of"]


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
class Piece:
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
    """Chunks of a shard that are read together. `run` may be called from any thread, once.

    Attributes:
        shard: file, relative to the store.
        start, stop: byte range that they lie in, end excluded.
        cached: the shard in the local cache, which has them already.
        keep: the shard in the local cache, for those that it has not.
        pieces: chunks that are unpacked one by one.
        frames: chunks that are unpacked together, those of each box; a read has either these or pieces.
    """

    reader: Reader
    shard: str
    start: int
    stop: int
    cached: CachedShard | None = None
    keep: CachedShard | None = None
    pieces: list[Piece] = field(default_factory=list)
    frames: list[FrameRead] = field(default_factory=list)

    @property
    def tickets(self) -> set[Any]:
        """Tickets of the boxes that wait for this read."""
        boxes = [*(frame.wanted for frame in self.frames), *(piece.wanted for piece in self.pieces)]
        return {None if box is None else box.ticket for box in boxes}

    @property
    def is_fetched_only(self) -> bool:
        """It only brings bytes into the cache."""
        return not self.frames and all(piece.wanted is None for piece in self.pieces)

    def run(self) -> None:
        """Fetch the pieces and unpack them into the targets.

        Raises:
            CorruptError: bytes are missing, or still wrong when they are fetched again.
            RemoteError: the server failed for good.
        """
        self.reader._run(self)  # noqa: SLF001 - a read is a part of its reader


def pieces_of(wanted: Wanted, access: ChunkAccess, index: NDArray[np.int64]) -> list[Piece]:
    """The chunks that a box touches; where they are missing, which is all background, it is filled."""
    spec = access.spec
    parts = access.whole if wanted.box is None else parts_of(wanted.box, spec)
    numbers = parts.numbers + wanted.slot % spec.shard_samples * access.per_sample
    entries = index[numbers].tolist()
    pieces = []
    for number, (inner, outer), (start, size) in zip(numbers.tolist(), parts.slices, entries, strict=True):
        if start < 0:
            fill_background(wanted.target[outer], wanted.fill, spec.numpy_dtype)
        else:
            pieces.append(Piece(number, start, start + size, wanted, inner, outer))
    return pieces


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetching:
    """How chunks of a shard are fetched.

    Attributes:
        reader: that runs the reads.
        shard: file, relative to the store.
        rule: which neighbours are read as one.
        cached: the shard in the local cache, if there is one.
    """

    reader: Reader
    shard: str
    rule: Coalescing
    cached: CachedShard | None

    def of_pieces(self, pieces: Sequence[Piece], owners: Sequence[int]) -> list[Read]:
        """Reads for pieces.

        Args:
            pieces: of any boxes.
            owners: of the pieces; only those with the same one share a read.
        """
        numbers = [piece.number for piece in pieces]
        starts, stops = [piece.start for piece in pieces], [piece.stop for piece in pieces]
        grouped = self._grouped(numbers, starts, stops, owners)
        for read, some in grouped:
            read.pieces = [pieces[place] for place in some]
        return [read for read, _ in grouped]

    def of_frames(self, frames: Sequence[FrameRead]) -> list[Read]:
        """Reads for the chunks of boxes, which may share them."""
        numbers, starts, stops = chunks_of(frames)
        grouped = self._grouped(numbers, starts, stops)
        reads = [0] * len(numbers)
        for number, (_, some) in enumerate(grouped):
            for place in some:
                reads[place] = number
        first = 0
        for frame in frames:
            last = first + len(frame.numbers)
            for number, part in frame.parted(reads[first:last]).items():
                grouped[number][0].frames.append(part)
            first = last
        return [read for read, _ in grouped]

    def _grouped(
        self,
        numbers: Sequence[int],
        starts: Sequence[int],
        stops: Sequence[int],
        owners: Sequence[int] | None = None,
    ) -> list[tuple[Read, list[int]]]:
        """Reads that know nothing of their chunks yet, and which of them these are."""
        have = [False] * len(numbers) if self.cached is None else self.cached.have(numbers).tolist()
        if any(have):
            owners = [2 * owner + here for owner, here in zip(owners or [0] * len(have), have, strict=True)]
        grouped = []
        for some in coalesce(starts, stops, self.rule, owners):
            is_here = have[some[0]]
            read = Read(
                reader=self.reader,
                shard=self.shard,
                start=starts[some[0]],
                stop=max([stops[place] for place in some]),
                cached=self.cached if is_here else None,
                keep=None if is_here else self.cached,
            )
            grouped.append((read, some))
        return grouped
