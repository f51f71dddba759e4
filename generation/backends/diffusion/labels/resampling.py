"""A label map on another grid, by nearest neighbour: centred, cut off or padded with background."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ....backend import Grid

__all__ = ["onto_grid"]

_OUTSIDE = -1


def onto_grid(labels: NDArray[np.uint8], spacing_mm: tuple[float, float, float], grid: Grid) -> NDArray[np.uint8]:
    """Lays a label map on a grid.

    This is what NV-Generate does (`ensure_output_size_and_spacing` in scripts/sample.py) with MONAI's `Spacing` in mode
    nearest and `ResizeWithPadOrCrop`. Where a voxel's centre is just between two others, MONAI's choice hangs on the
    rounding of its float arithmetic; here the even one is taken.

    Args:
        labels: `(x, y, z)`.
        spacing_mm: of its voxels.
        grid: wanted.

    Returns:
        Of the shape of the grid, C-contiguous.
    """
    places = [
        _places(count, old / new, side)
        for count, old, new, side in zip(labels.shape, spacing_mm, grid.spacing_mm, grid.shape, strict=True)
    ]
    laid: NDArray[np.uint8] = labels[np.ix_(*(np.maximum(axis, 0) for axis in places))]
    for axis, chosen in enumerate(places):
        laid[(slice(None),) * axis + (chosen == _OUTSIDE,)] = 0
    return np.ascontiguousarray(laid)


def _places(count: int, ratio: float, side: int) -> NDArray[np.intp]:
    """For each of the wanted voxels of an axis the one to take, or `_OUTSIDE`.

    Args:
        count: voxels that there are.
        ratio: of their spacing to the wanted one.
        side: voxels wanted.
    """
    made = int(np.round((count - 1) * ratio + 1))
    taken = np.minimum(np.rint(np.arange(made) / ratio), count - 1).astype(np.intp)
    cut = max(made // 2 - side // 2, 0) if made > side else 0
    taken = taken[cut : cut + side]
    missing = side - taken.size
    return np.pad(taken, (missing // 2, missing - missing // 2), constant_values=_OUTSIDE)
