"""Where patches lie in a volume, and which affine they have: pure functions on boxes.

A box is ``((x0, x1), (y0, y1), (z0, z1))`` in voxels of the whole volume, ends excluded.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from .order import PATCH, random_words

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..store.arrays import Box

    Shape = tuple[int, int, int]

__all__ = ["check_patch", "grid_boxes", "random_box", "shifted_affine"]


def check_patch(patch: Shape, shape: Shape) -> Shape:
    """The patch, if it fits into volumes of a shape.

    Raises:
        ValueError: it is not three positive sizes, or larger than the volume along some axis.
    """
    if len(patch) != 3 or any(size < 1 for size in patch):
        msg = f"patch must be three sizes of at least 1 voxel (x, y, z), got {tuple(patch)}"
        raise ValueError(msg)
    if any(size > limit for size, limit in zip(patch, shape, strict=True)):
        msg = (
            f"patch {tuple(patch)} is larger than the volumes, which have {tuple(shape)} voxels; "
            "choose a smaller patch, or patch=None and a transform that pads"
        )
        raise ValueError(msg)
    x, y, z = (int(size) for size in patch)
    return x, y, z


def random_box(shape: Shape, patch: Shape, *, seed: int, epoch: int, index: int, number: int = 0) -> Box:
    """A box of the patch's size, anywhere in the volume with equal probability.

    Args:
        shape: voxels of the volume.
        patch: voxels of the box; must fit.
        seed: of the run.
        epoch: other epochs have other boxes.
        index: of the sample in its cohort, so that the box does not depend on which samples were selected.
        number: of the patch in its sample.
    """
    check_patch(patch, shape)
    words = random_words(seed=seed, epoch=epoch, purpose=PATCH, index=index, number=number, count=3)
    x, y, z = (_below(size - extent + 1, int(word)) for size, extent, word in zip(shape, patch, words, strict=True))
    return (x, x + patch[0]), (y, y + patch[1]), (z, z + patch[2])


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


def shifted_affine(affine: NDArray[np.float64], box: Box | None) -> NDArray[np.float64]:
    """The affine of a box cut from a volume: its voxel (0, 0, 0) is the volume's voxel (x0, y0, z0).

    Args:
        affine: (4, 4), voxel index to mm, of the whole volume.
        box: None for the whole volume.

    Returns:
        (4, 4), a copy.
    """
    shifted = np.array(affine, dtype=np.float64)
    if box is not None:
        shifted[:3, 3] += shifted[:3, :3] @ [start for start, _ in box]
    return shifted


def _below(limit: int, word: int) -> int:
    """0 to limit - 1 from a random word (Lemire's multiply-shift; its bias is under 2^-40 for any volume)."""
    return (word * limit) >> 64


def _axis_ranges(size: int, extent: int, shared: int) -> list[tuple[int, int]]:
    starts = [*range(0, size - extent, extent - shared), size - extent]
    return [(start, start + extent) for start in starts]
