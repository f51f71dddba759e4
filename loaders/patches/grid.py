"""Boxes that together cover a volume."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from .boxes import check_patch

if TYPE_CHECKING:
    from ...store.arrays import Box
    from .boxes import Shape

__all__ = ["grid_boxes"]


def grid_boxes(shape: Shape, patch: Shape, *, overlap: Shape = (0, 0, 0)) -> list[Box]:
    """Boxes that together cover a volume, x slowest.

    The last box along an axis is moved inwards to end with the volume, so that all have the patch's size; it then
    overlaps its neighbour by more than was asked.

    Args:
        shape: voxels of the volume.
        patch: voxels of a box; must fit.
        overlap: voxels that neighbours share at least, along each axis; less than the patch.

    Raises:
        ValueError: the patch does not fit, or the overlap is negative or not less than the patch.
    """
    check_patch(patch, shape)
    if len(overlap) != 3 or not all(0 <= shared < extent for shared, extent in zip(overlap, patch, strict=True)):
        msg = f"overlap must be 0 up to one less than the patch {tuple(patch)} along each axis, got {tuple(overlap)}"
        raise ValueError(msg)
    x, y, z = (_axis_ranges(*sizes) for sizes in zip(shape, patch, overlap, strict=True))
    return list(product(x, y, z))


def _axis_ranges(size: int, extent: int, shared: int) -> list[tuple[int, int]]:
    starts = [*range(0, size - extent, extent - shared), size - extent]
    return [(start, start + extent) for start in starts]
