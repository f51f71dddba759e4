"""The chunks of a read unpacked by one call of zstd, which takes any number of frames in a row (RFC 8878, section 3.1).

Each call of a codec lets go of the GIL and waits for it afterwards, which costs threads more the shorter the calls are:
two threads that do nothing else read volumes of eight chunks a tenth faster so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from .codecs import CRC_BYTES, known, unpack_frames

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .arrays import ArraySpec

__all__ = ["MOST_FRAMES", "MOST_PLAIN_BYTES", "Frames", "takes_frames"]

MOST_FRAMES: Final = 256
"""Each takes up to three of the 1,024 buffers that one call of the system fills (IOV_MAX of Linux)."""
MOST_PLAIN_BYTES: Final = 16 * 2**20
"""Unpacked at once at most: scratch memory of each thread, and more would not stay in the caches of a core anyway."""


def takes_frames(spec: ArraySpec) -> bool:
    """Whether the chunks of an array are zstd frames with checksums behind them."""
    names = [codec["name"] for codec in spec.codecs]
    return names == ["bytes", "zstd", "crc32c"] and known(spec.codecs, spec.numpy_dtype)


@dataclass(slots=True, kw_only=True, eq=False)
class Frames:
    """Where the bytes of chunks go: frames behind each other, their checksums and what lies between elsewhere.

    Attributes:
        runs: in the order of the file: first byte, and memory for what follows it. Wide gaps are between them.
    """

    runs: list[tuple[int, list[memoryview]]]
    _bodies: NDArray[np.uint8]
    _each: list[memoryview]
    _sums: bytearray

    @classmethod
    def of(
        cls, starts: Sequence[int], stops: Sequence[int], memory: NDArray[np.uint8], *, max_gap_bytes: int
    ) -> Frames | None:
        """Plan for chunks of one file.

        Args:
            starts: first byte of each chunk, in the order in which they are to be unpacked.
            stops: its end.
            memory: at least as many bytes as all chunks and the largest gap.
            max_gap_bytes: between two chunks that one run reaches over.

        Returns:
            None if chunks overlap.
        """
        sums = bytearray(CRC_BYTES * len(starts))
        room, checksums = memory.data, memoryview(sums)
        each: list[memoryview] = []
        at = 0
        for start, stop in zip(starts, stops, strict=True):
            end = at + stop - start - CRC_BYTES
            each.append(room[at:end])
            at = end
        gap = room[at:]
        runs: list[tuple[int, list[memoryview]]] = []
        run: list[memoryview] = []
        reached = -1 - max_gap_bytes
        for number in sorted(range(len(starts)), key=starts.__getitem__):
            start, stop = starts[number], stops[number]
            if start > reached + max_gap_bytes:
                run = []
                runs.append((start, run))
            elif start > reached:
                run.append(gap[: start - reached])
            elif start < reached:
                return None
            at_sum = CRC_BYTES * number
            run += each[number], checksums[at_sum : at_sum + CRC_BYTES]
            reached = stop
        return cls(runs=runs, _bodies=memory[:at], _each=each, _sums=sums)

    def fill(self, data: NDArray[np.uint8], first: int) -> None:
        """Copy all parts from bytes that were read already.

        Args:
            data: what was read.
            first: where it begins in the file.
        """
        for start, parts in self.runs:
            at = start - first
            for part in parts:
                # unlike NumPy's, such a copy does not let go of the GIL
                part[:] = data.data[at : at + len(part)]
                at += len(part)

    def split(self, counts: Sequence[int]) -> list[Frames]:
        """Its chunks in groups, to be unpacked each by itself once all parts are filled.

        Args:
            counts: of the chunks in each group.
        """
        found, chunk, at = [], 0, 0
        for count in counts:
            each = self._each[chunk : chunk + count]
            size = sum(map(len, each))
            sums = self._sums[CRC_BYTES * chunk : CRC_BYTES * (chunk + count)]
            found.append(Frames(runs=[], _bodies=self._bodies[at : at + size], _each=each, _sums=sums))
            chunk, at = chunk + count, at + size
        return found

    def unpack(self, plain_bytes: int, out: NDArray[Any]) -> None:
        """Check every checksum, and unpack all frames, once all parts are filled.

        Args:
            plain_bytes: that each frame must unpack to.
            out: for all of them, C-contiguous.

        Raises:
            ValueError: a checksum, a frame or a size is wrong.
        """
        sums = np.frombuffer(self._sums, "<u4").tolist()
        unpack_frames(self._bodies, self._each, sums, plain_bytes, out.reshape(-1).view(np.uint8))
