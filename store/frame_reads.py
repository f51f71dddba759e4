"""A box read by few calls of the system and unpacked by one of zstd: for chunks that are frames, in local files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from .box_copy import copy_box
from .frames import MOST_FRAMES, MOST_PLAIN_BYTES
from .stacks import columns_of, stacks_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from .chunk_access import ChunkAccess
    from .reader import Fill, Reader, Wanted
    from .stacks import Stack

__all__ = ["WIDE_GAP_BYTES", "FrameRead", "fill_background", "frame_reads"]

WIDE_GAP_BYTES: Final = 128 * 2**10
"""Reading over a gap is copying, and leaving it out is a call of the system, after which a thread waits for the GIL.
Between 32 and 512 KiB there is no difference that could be measured."""


@dataclass(slots=True, kw_only=True, eq=False)
class FrameRead:
    """Chunks of one box that are read and unpacked together; run it as a `Read`.

    Attributes:
        shard: file, relative to the store.
        wanted: the box.
        access: of its array.
        ranges: first byte and end of each chunk, in the order in which they are unpacked.
        stacks: of these chunks.
    """

    reader: Reader
    shard: str
    wanted: Wanted
    access: ChunkAccess
    ranges: list[tuple[int, int]]
    stacks: list[Stack]

    @property
    def start(self) -> int:
        """First byte."""
        return min(self.ranges)[0]

    @property
    def stop(self) -> int:
        """End of the last chunk in the file."""
        return max(stop for _, stop in self.ranges)

    @property
    def tickets(self) -> set[Any]:
        """As of a `Read`."""
        return {self.wanted.ticket}

    def run(self) -> None:
        """Fetch and unpack; as `Read.run`."""
        self.reader._run_frames(self)  # noqa: SLF001 - a read is a part of its reader

    def targets(self) -> list[NDArray[Any]]:
        """Where the part of each stack goes."""
        return [self.wanted.target[stack.outer] for stack in self.stacks]

    def straight(self) -> NDArray[Any] | None:
        """Where the chunks may be unpacked to at once: they are all wanted, as they are and behind each other."""
        if len(self.stacks) > 1 or self.wanted.fill is not None:
            return None
        target = self.wanted.target[self.stacks[0].outer]
        is_all = target.nbytes == len(self.ranges) * self.access.chunk_bytes
        return target if is_all and target.flags.c_contiguous else None

    def put(self, chunks: NDArray[Any]) -> None:
        """Put unpacked chunks, (n, x, y, z) in the order of `ranges`, into the target."""
        _, _, y, z = chunks.shape
        fill = self.wanted.fill or copy_box
        at = 0
        for stack, target in zip(self.stacks, self.targets(), strict=True):
            end = at + stack.end - stack.begin
            fill(target, chunks[at:end].reshape(-1, y, z)[stack.inner])
            at = end


def frame_reads(
    reader: Reader,
    shard: str,
    wanted: Wanted,
    access: ChunkAccess,
    index: NDArray[np.int64],
    *,
    only: Collection[int] | None = None,
) -> list[FrameRead]:
    """Plan the reads for a box, and fill it where chunks are missing, which are all background.

    Args:
        reader: runs them.
        shard: file that holds the sample.
        wanted: the box.
        access: of its array, whose chunks are zstd frames.
        index: (chunks of the shard, 2) offset and size of each, both negative where it is missing.
        only: numbers of chunks of the shard; the others are neither read nor filled.
    """
    spec = access.spec
    columns = columns_of(wanted.box, spec)
    first = wanted.slot % spec.shard_samples * access.per_sample
    numbers = np.array(columns.numbers) + first
    starts, sizes = index[numbers].T.tolist()
    there = [size > 0 for size in sizes] if only is None else [number in only for number in numbers.tolist()]
    most = max(1, min(MOST_FRAMES, MOST_PLAIN_BYTES // access.chunk_bytes))
    stacks, missing = stacks_of(columns, there, thickness=spec.chunk[0], most=most)
    for stack in missing if only is None else ():
        fill_background(wanted.target[stack.outer], wanted.fill, spec.numpy_dtype)
    reads: list[FrameRead] = []
    spans = [(start, start + size) for start, size in zip(starts, sizes, strict=True)]
    for stack in stacks:
        ranges = spans[stack.begin : stack.end]
        if reads and len(reads[-1].ranges) + len(ranges) <= most:
            reads[-1].stacks.append(stack)
            reads[-1].ranges += ranges
        else:
            reads.append(
                FrameRead(reader=reader, shard=shard, wanted=wanted, access=access, ranges=ranges, stacks=[stack])
            )
    return reads


def fill_background(target: NDArray[Any], fill: Fill | None, dtype: np.dtype[Any]) -> None:
    """Put what a missing chunk stands for, zeros of a dtype, into a target."""
    (fill or np.copyto)(target, np.zeros((1, 1, 1), dtype))
