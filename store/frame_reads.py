"""Chunks of a box that are read together and unpacked by one call of zstd: for those that are frames."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from .box_copy import copy_box
from .frames import MOST_FRAMES, MOST_PLAIN_BYTES
from .stacks import alike, columns_of, side_by_side, stacks_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .chunk_access import ChunkAccess
    from .reader import Reader
    from .reads import Fill, Wanted
    from .stacks import Stack

__all__ = ["WIDE_GAP_BYTES", "FrameRead", "chunks_of", "fill_background", "frame_reads"]

WIDE_GAP_BYTES: Final = 128 * 2**10
"""Reading over a gap is copying, and leaving it out is a call of the system, after which a thread waits for the GIL.
Between 32 and 512 KiB there is no difference that could be measured."""


@dataclass(slots=True, kw_only=True, eq=False)
class FrameRead:
    """Chunks of one box that are unpacked together. Where they are in a local file, run it as a `Read`.

    Attributes:
        shard: file, relative to the store.
        wanted: the box.
        access: of its array.
        numbers: of the chunks in the shard, in the order in which they are unpacked.
        starts: first byte of each.
        stops: its end.
        stacks: of these chunks.
    """

    reader: Reader
    shard: str
    wanted: Wanted
    access: ChunkAccess
    numbers: list[int] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    stops: list[int] = field(default_factory=list)
    stacks: list[Stack] = field(default_factory=list)

    @property
    def start(self) -> int:
        """First byte."""
        return min(self.starts)

    @property
    def stop(self) -> int:
        """End of the last chunk in the file."""
        return max(self.stops)

    @property
    def tickets(self) -> set[Any]:
        """As of a `Read`."""
        return {self.wanted.ticket}

    def run(self) -> None:
        """Fetch and unpack; as `Read.run`."""
        self.reader._run_frames(self)  # noqa: SLF001 - a read is a part of its reader

    def parted(self, groups: Sequence[int]) -> dict[int, FrameRead]:
        """Its chunks in groups, each by itself.

        Args:
            groups: of each chunk.
        """
        if len(set(groups)) == 1:
            return {groups[0]: self}
        parts: dict[int, FrameRead] = {}
        first = 0
        for stack in self.stacks:
            last = first + stack.end - stack.begin
            for begin, end in alike(groups[first:last], last - first):
                cut = stack.cut(stack.begin + begin, stack.begin + end, self.access.spec.chunk[0])
                some = slice(first + begin, first + end)
                empty = replace(self, numbers=[], starts=[], stops=[], stacks=[])
                part = parts.setdefault(groups[first + begin], empty)
                part.add(cut, self.numbers[some], self.starts[some], self.stops[some])
            first = last
        return parts

    def add(self, stack: Stack, numbers: list[int], starts: list[int], stops: list[int]) -> None:
        """Read the chunks of a stack too."""
        self.stacks.append(stack)
        self.numbers += numbers
        self.starts += starts
        self.stops += stops

    def targets(self) -> list[NDArray[Any]]:
        """Where the part of each stack goes."""
        return [self.wanted.target[stack.outer] for stack in self.stacks]

    def straight(self) -> NDArray[Any] | None:
        """Where the chunks may be unpacked to at once: they are all wanted, as they are and behind each other."""
        if len(self.stacks) > 1 or self.wanted.fill is not None:
            return None
        target = self.wanted.target[self.stacks[0].outer]
        is_all = target.nbytes == len(self.numbers) * self.access.chunk_bytes
        return target if is_all and target.flags.c_contiguous else None

    def put(self, chunks: NDArray[Any]) -> None:
        """Put unpacked chunks, (n, x, y, z) in the order of `numbers`, into the target."""
        _, _, y, z = chunks.shape
        fill = self.wanted.fill or copy_box
        at = 0
        for count, stack in side_by_side(self.stacks):
            in_x, in_y, in_z = stack.inner
            target = self.wanted.target[stack.outer]
            end = at + count * (stack.end - stack.begin)
            beside = chunks[at:end].reshape(count, -1, y, z)[:, in_x, in_y, in_z].swapaxes(0, 1)
            # splits an axis, so that it is a view
            fill(target.reshape(beside.shape), beside)
            at = end


def frame_reads(
    reader: Reader,
    shard: str,
    wanted: Wanted,
    access: ChunkAccess,
    index: NDArray[np.int64],
) -> list[FrameRead]:
    """Plan the reads for a box, and fill it where chunks are missing, which are all background.

    Args:
        reader: runs them.
        shard: file that holds the sample.
        wanted: the box.
        access: of its array, whose chunks are zstd frames.
        index: (chunks of the shard, 2) offset and size of each, both negative where it is missing.
    """
    spec = access.spec
    columns = columns_of(wanted.box, spec)
    first = wanted.slot % spec.shard_samples * access.per_sample
    numbers = np.array(columns.numbers) + first
    starts, sizes = index[numbers].T.tolist()
    most = max(1, min(MOST_FRAMES, MOST_PLAIN_BYTES // access.chunk_bytes))
    stacks, missing = stacks_of(columns, [size > 0 for size in sizes], thickness=spec.chunk[0], most=most)
    for stack in missing:
        fill_background(wanted.target[stack.outer], wanted.fill, spec.numpy_dtype)
    reads: list[FrameRead] = []
    stops = [start + size for start, size in zip(starts, sizes, strict=True)]
    listed = numbers.tolist()
    for stack in stacks:
        some = slice(stack.begin, stack.end)
        if not reads or len(reads[-1].numbers) + stack.end - stack.begin > most:
            reads.append(FrameRead(reader=reader, shard=shard, wanted=wanted, access=access))
        reads[-1].add(stack, listed[some], starts[some], stops[some])
    return reads


def chunks_of(frames: Sequence[FrameRead]) -> tuple[list[int], list[int], list[int]]:
    """Number, first byte and end of all chunks."""
    numbers = [number for frame in frames for number in frame.numbers]
    starts = [start for frame in frames for start in frame.starts]
    return numbers, starts, [stop for frame in frames for stop in frame.stops]


def fill_background(target: NDArray[Any], fill: Fill | None, dtype: np.dtype[Any]) -> None:
    """Put what a missing chunk stands for, zeros of a dtype, into a target."""
    (fill or np.copyto)(target, np.zeros((1, 1, 1), dtype))
