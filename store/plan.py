"""Which inner chunks some boxes touch, and which byte ranges hold them: pure functions on arrays of numbers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .arrays import ArraySpec, Box

    Slices = tuple[slice, slice, slice]

__all__ = ["Coalescing", "Parts", "along", "checked_box", "coalesce", "parts_of"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Parts:
    """The parts of a box that lie in one inner chunk each, in C order of the chunks.

    Attributes:
        numbers: (m,) chunks of the sample that they are in, counted in C order.
        slices: where each part is, first in its chunk (None: it is all of it), then in the box.
    """

    numbers: NDArray[np.int64]
    slices: Sequence[tuple[Slices | None, Slices]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Coalescing:
    """When neighbouring byte ranges are read as one.

    Attributes:
        max_gap_bytes: unwanted bytes between two ranges that are rather read than skipped.
        max_read_bytes: no range is added to a read that spans more than this.
    """

    max_gap_bytes: int
    max_read_bytes: int


def parts_of(box: Box | None, spec: ArraySpec) -> Parts:
    """Split a box at the borders of inner chunks.

    Args:
        box: inside the sample and not empty; None for the whole sample.
        spec: of the array.
    """
    ranges = checked_box(None, spec.shape) if box is None else box
    xs, ys, zs = (along(start, stop, size) for (start, stop), size in zip(ranges, spec.chunk, strict=True))
    _, y_chunks, z_chunks = spec.grid
    numbers: list[int] = []
    slices: list[tuple[Slices | None, Slices]] = []
    for i, x, to_x, all_x in xs:
        for j, y, to_y, all_y in ys:
            row = (i * y_chunks + j) * z_chunks
            for k, z, to_z, all_z in zs:
                numbers.append(row + k)
                slices.append((None if all_x and all_y and all_z else (x, y, z), (to_x, to_y, to_z)))
    return Parts(numbers=np.array(numbers), slices=slices)


def checked_box(box: Box | None, shape: tuple[int, int, int]) -> Box:
    """A box as plain integers; None is the whole sample.

    Raises:
        IndexError: it is empty or leaves the sample.
    """
    if box is None:
        x, y, z = ((0, size) for size in shape)
        return x, y, z
    if len(box) != 3 or any(len(ends) != 2 for ends in box):
        msg = f"box must be ((x0, x1), (y0, y1), (z0, z1)), got {box}"
        raise IndexError(msg)
    for axis, (start, stop), size in zip("xyz", box, shape, strict=True):
        if not 0 <= start < stop <= size:
            msg = f"box must lie in the sample, of shape {shape}; along {axis} it is {start} to {stop}"
            raise IndexError(msg)
    x, y, z = ((int(start), int(stop)) for start, stop in box)
    return x, y, z


def coalesce(
    starts: Sequence[int], stops: Sequence[int], rule: Coalescing, owners: Sequence[int] | None = None
) -> list[list[int]]:
    """Group byte ranges into reads.

    Args:
        starts: first byte of each range. The same bytes may be asked for more than once.
        stops: its end.
        rule: how far apart, and how much in one.
        owners: of the ranges; only those with the same one share a read. None is one for all.

    Returns:
        for each read the numbers of its ranges, by where they start.
    """
    reads: list[list[int]] = []
    owners = owners or [0] * len(starts)
    owner = first = reach = -1
    order = sorted(range(len(starts)), key=starts.__getitem__)
    for number in sorted(order, key=owners.__getitem__):
        start, stop = starts[number], stops[number]
        is_near = start <= reach + rule.max_gap_bytes and start - first < rule.max_read_bytes
        if owners[number] == owner and is_near:
            reads[-1].append(number)
            reach = max(reach, stop)
        else:
            reads.append([number])
            owner, first, reach = owners[number], start, stop
    return reads


@lru_cache(maxsize=1024)
def along(start: int, stop: int, size: int) -> Sequence[tuple[int, slice, slice, bool]]:
    """The chunks along one axis that a range touches: number, part in the chunk, part in the range, whether it is all.

    Kept: volumes of one shape have few places for patches along an axis, and this is asked for at every patch.
    """
    parts = []
    for number in range(start // size, -(-stop // size)):
        corner = number * size
        first, last = max(start, corner), min(stop, corner + size)
        inner, outer = slice(first - corner, last - corner), slice(first - start, last - start)
        parts.append((number, inner, outer, last - first == size))
    return tuple(parts)
