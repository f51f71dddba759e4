"""Volumes brought to another grid; only where that is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .grids import VoxelGrid

__all__ = ["outside_share", "resampled"]

_STEP: Final = 3


def resampled(voxels: NDArray[Any], grid: VoxelGrid, target: VoxelGrid, *, fill: float, linear: bool) -> NDArray[Any]:
    """The values of a volume at the voxels of another grid.

    Args:
        voxels: (x, y, z).
        grid: of the volume.
        target: the other.
        fill: what lies outside the volume.
        linear: interpolate, in float64; otherwise take the nearest voxel, in the dtype of the volume.
    """
    from scipy.ndimage import affine_transform

    matrix = np.linalg.inv(grid.affine) @ target.affine
    volume = voxels.astype(np.float64) if linear else voxels
    found: NDArray[Any] = affine_transform(
        volume,
        matrix[:3, :3],
        matrix[:3, 3],
        output_shape=target.shape,
        order=1 if linear else 0,
        mode="constant",
        cval=fill,
    )
    return found


def outside_share(voxels: NDArray[Any], grid: VoxelGrid, target: VoxelGrid, *, fill: float) -> float:
    """Share of what is not background that lies outside another grid, and so is lost; of every third voxel."""
    places = np.argwhere(voxels[::_STEP, ::_STEP, ::_STEP] != fill) * _STEP
    if not len(places):
        return 0.0
    matrix = np.linalg.inv(target.affine) @ grid.affine
    there = places @ matrix[:3, :3].T + matrix[:3, 3]
    inside = ((there >= -0.5) & (there <= np.array(target.shape) - 0.5)).all(axis=1)
    return float(1 - inside.mean())
