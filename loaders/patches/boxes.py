"""What all ways to place a patch stand on: a size that fits, a fair draw, an affine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from ...store.arrays import Box

    Shape = tuple[int, int, int]

__all__ = ["below", "box_anywhere", "box_at", "check_patch", "shifted_affine", "shifted_affines"]


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


def below(limit: int, word: int) -> int:
    """0 to limit - 1 from a random word (Lemire's multiply-shift; its bias is under 2^-40 for any volume)."""
    return (word * limit) >> 64


def box_at(starts: Iterable[int], patch: Shape) -> Box:
    """The box of a patch's size that begins at a voxel."""
    x, y, z = starts
    return (x, x + patch[0]), (y, y + patch[1]), (z, z + patch[2])


def box_anywhere(shape: Shape, patch: Shape, words: Iterable[int]) -> Box:
    """A box anywhere in the volume with equal probability, by three random words."""
    return box_at(
        (below(size - extent + 1, word) for size, extent, word in zip(shape, patch, words, strict=False)), patch
    )


def shifted_affine(affine: NDArray[np.float64], box: Box | None) -> NDArray[np.float64]:
    """The affine of a box cut from a volume: its voxel (0, 0, 0) is the volume's voxel (x0, y0, z0).

    Args:
        affine: (4, 4), voxel index to mm, of the whole volume.
        box: None for the whole volume.

    Returns:
        (4, 4), a copy.
    """
    starts = np.zeros((1, 3)) if box is None else np.array([[start for start, _ in box]])
    return np.asarray(shifted_affines(affine, starts)[0])


def shifted_affines(affine: NDArray[np.float64], starts: NDArray[Any]) -> NDArray[np.float64]:
    """The affines of boxes cut from a volume.

    Args:
        affine: (4, 4), as in `shifted_affine`.
        starts: (n, 3) first voxel of each box.

    Returns:
        (n, 4, 4)
    """
    shifted = np.empty((len(starts), 4, 4))
    shifted[:] = affine
    # not as a product of matrices: the bits would depend on how many boxes there are
    shifted[:, :3, 3] += (shifted[:, :3, :3] * starts[:, None, :]).sum(axis=-1)
    return shifted
