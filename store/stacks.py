"""Inner chunks put on top of each other along x, the slowest axis: what a box takes of them is one part of an array.

Pure functions on numbers. Chunks that are unpacked onto each other cost one copy, however many they are, and each copy
lets go of the GIL and waits for it afterwards.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .plan import along

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .arrays import ArraySpec, Box
    from .plan import Slices

__all__ = ["Columns", "Stack", "alike", "columns_of", "side_by_side", "stacks_of"]


class Columns(NamedTuple):
    """The inner chunks that a box touches, those of one place in y and z after each other.

    Attributes:
        start, stop: voxels of the box along x.
        first: number of the lowest chunks along x.
        height: chunks of a column.
        numbers: of all chunks, counted in C order of the sample; column by column, each from its lowest.
        places: for each column its y and z, first in the chunks, then in the box.
    """

    start: int
    stop: int
    first: int
    height: int
    numbers: list[int]
    places: list[tuple[slice, slice, slice, slice]]


class Stack(NamedTuple):
    """Chunks of a column that follow each other, and the part of a box that lies in them.

    Attributes:
        begin, end: of them in `Columns.numbers`.
        inner: the part, in the chunks on top of each other.
        outer: the part, in the box.
    """

    begin: int
    end: int
    inner: Slices
    outer: Slices

    def cut(self, begin: int, end: int, thickness: int) -> Stack:
        """Some of its chunks.

        Args:
            begin: in `Columns.numbers`, as `end` within its own.
            end: of them.
            thickness: of a chunk along x, in voxels.
        """
        (in_x, in_y, in_z), (to_x, to_y, to_z) = self.inner, self.outer
        corner = (begin - self.begin) * thickness
        low, high = max(in_x.start, corner), min(in_x.stop, (end - self.begin) * thickness)
        inner, moved = slice(low - corner, high - corner), to_x.start - in_x.start
        return Stack(begin, end, (inner, in_y, in_z), (slice(low + moved, high + moved), to_y, to_z))


def columns_of(box: Box | None, spec: ArraySpec) -> Columns:
    """The chunks that a box touches.

    Args:
        box: inside the sample and not empty; None for the whole sample.
        spec: of the array.
    """
    (x0, x1), ys, zs = ((0, size) for size in spec.shape) if box is None else box
    x, y, z = spec.chunk
    z_chunks = spec.shape[2] // z
    first, end, layer = x0 // x, -(-x1 // x), spec.shape[1] // y * z_chunks
    numbers: list[int] = []
    places: list[tuple[slice, slice, slice, slice]] = []
    for j, in_y, to_y, _ in along(*ys, y):
        for k, in_z, to_z, _ in along(*zs, z):
            lowest = j * z_chunks + k
            numbers += range(first * layer + lowest, end * layer + lowest, layer)
            places.append((in_y, in_z, to_y, to_z))
    return Columns(x0, x1, first, end - first, numbers, places)


def stacks_of(columns: Columns, there: Sequence[bool], *, thickness: int, most: int) -> tuple[list[Stack], list[Stack]]:
    """Split columns at chunks that are missing.

    Args:
        columns: of a box.
        there: of each chunk, in the order of `Columns.numbers`, whether it is in the shard.
        thickness: of a chunk along x, in voxels.
        most: chunks of one stack.

    Returns:
        the stacks of chunks that are there, and those of chunks that are missing.
    """
    found: tuple[list[Stack], list[Stack]] = [], []
    height = columns.height
    corner = columns.first * thickness
    in_x, to_x = slice(columns.start - corner, columns.stop - corner), slice(0, columns.stop - columns.start)
    for place, (in_y, in_z, to_y, to_z) in enumerate(columns.places):
        lowest = place * height
        here = there[lowest : lowest + height]
        whole = Stack(lowest, lowest + height, (in_x, in_y, in_z), (to_x, to_y, to_z))
        if height <= most and all(here):
            found[0].append(whole)
            continue
        for begin, end in alike(here, most):
            found[not here[begin]].append(whole.cut(lowest + begin, lowest + end, thickness))
    return found


def side_by_side(stacks: Sequence[Stack]) -> Iterator[tuple[int, Stack]]:
    """Stacks of one height that follow each other along y, all of whose voxels in y are wanted.

    Yields:
        how many, and the first of them; its `outer` is that of all.
    """
    at = 0
    while at < len(stacks):
        first, count = stacks[at], 1
        to_x, to_y, to_z = first.outer
        height, stop = first.end - first.begin, to_y.stop
        for begin, end, inner, (xs, ys, zs) in stacks[at + 1 :]:
            # parts that are alike and touch are whole in y
            if (end - begin, inner, xs, ys.start, zs) != (height, first.inner, to_x, stop, to_z):
                break
            count, stop = count + 1, ys.stop
        yield count, first._replace(outer=(to_x, slice(to_y.start, stop), to_z))
        at += count


def alike(values: Sequence[int], most: int) -> Iterator[tuple[int, int]]:
    """Begin and end of the longest runs of equal values, none of more than `most`."""
    begin = 0
    while begin < len(values):
        end = begin + 1
        while end < len(values) and values[end] == values[begin] and end - begin < most:
            end += 1
        yield begin, end
        begin = end
