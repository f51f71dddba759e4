"""FOV_CUT: whether the grid cuts the body off."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["field_of_view"]

_MOST_AT_FACE = 0.005
_LEAST_WITH_MARGIN = 64
"""Voxels of an axis from which on the plane next to the face must be free too; coarse grids have no room for it."""


def field_of_view(filled: NDArray[np.bool_]) -> Iterator[str]:
    """FOV_CUT where a face of the grid is not background.

    Args:
        filled: `(x, y, z)`, what is not background.
    """
    depths = [2 if side >= _LEAST_WITH_MARGIN else 1 for side in filled.shape]
    planes = [
        np.take(filled, plane, axis=axis)
        for axis, depth in enumerate(depths)
        for layer in range(depth)
        for plane in (layer, -1 - layer)
    ]
    if any(np.count_nonzero(plane) > _MOST_AT_FACE * plane.size for plane in planes):
        yield "FOV_CUT"
