"""Patches on the foreground: what is not background, as the table tells it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .boxes import below, box_anywhere, box_at, check_patch
from .extents import foreground_boxes, foreground_column

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from ...store.arrays import ArraySpec, Box
    from .boxes import Shape

__all__ = ["Foreground", "ForegroundPlacement", "foreground_box"]


def foreground_box(shape: Shape, patch: Shape, foreground: Box, words: Sequence[int]) -> Box:
    """A box that covers the foreground as well as one of its size can, each such position with equal probability.

    Along an axis where the patch is at least as long as the foreground, the box holds all of it; along one where it
    is shorter, the box lies wholly in it. A position that leaves the volume is never drawn, and there is always one
    that does not.

    Args:
        shape: voxels of the volume.
        patch: voxels of the box; must fit.
        foreground: box in the volume, not empty.
        words: random words, of which three are used.
    """
    starts = []
    for size, extent, (first, stop), word in zip(shape, patch, foreground, words, strict=False):
        low = max(0, min(first, stop - extent))
        high = min(size - extent, max(first, stop - extent))
        starts.append(low + below(high - low + 1, word))
    return box_at(starts, patch)


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreground:
    """Positions that cover the box around all that is not background as well as the patch can (`foreground_box`).

    A sample that is background alone has its patches anywhere.

    Attributes:
        array: image whose foreground it is.
        margin: voxels by which its box is widened to all sides, as far as the volume goes. Half a patch lets the
            centre of a patch be any voxel of the foreground; 0 keeps patches off the air around it.

    Raises:
        ValueError: the margin is negative.
    """

    array: str = "image"
    margin: int = 0

    def __post_init__(self) -> None:
        if self.margin < 0:
            msg = f"margin must be 0 voxels or more, got {self.margin}"
            raise ValueError(msg)

    def columns(self, specs: Mapping[str, ArraySpec]) -> tuple[str, ...]:
        """As in `Sampling`."""
        return (foreground_column(self.array, specs),)

    def placement(
        self, shape: Shape, patch: Shape, specs: Mapping[str, ArraySpec], table: pa.Table
    ) -> ForegroundPlacement:
        """As in `Sampling`."""
        boxes = foreground_boxes(table, self.array, specs, shape)
        return ForegroundPlacement(shape, check_patch(patch, shape), self.margin, boxes)


@dataclass(frozen=True, slots=True, eq=False)
class ForegroundPlacement:
    """`foreground_box` of each row.

    Attributes:
        shape: voxels of the volumes.
        patch: voxels of a box.
        margin: voxels by which the foreground is widened.
        boxes: (rows, 6), ``x0, x1, y0, y1, z0, z1``; zeros where there is none.
    """

    shape: Shape
    patch: Shape
    margin: int
    boxes: NDArray[np.int16]

    def box(self, row: int, words: Sequence[int]) -> Box:
        """As in `Placement`."""
        x0, x1, y0, y1, z0, z1 = self.boxes[row].tolist()
        if not x1:
            return box_anywhere(self.shape, self.patch, words)
        x, y, z = (
            (max(0, first - self.margin), min(size, stop + self.margin))
            for (first, stop), size in zip(((x0, x1), (y0, y1), (z0, z1)), self.shape, strict=True)
        )
        return foreground_box(self.shape, self.patch, (x, y, z), words)
