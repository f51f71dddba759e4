"""Voxels of a box copied from one array to another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["copy_box"]


def copy_box(target: NDArray[Any], stored: NDArray[Any]) -> None:
    """Copy voxels; as `numpy.copyto` does for arrays of one shape and dtype.

    A row along z counts as one value where its voxels are neighbours in memory: rows of a patch are short, and NumPy
    copies them nearly twice as fast so.
    """
    size = target.itemsize
    if target.strides[-1] == stored.strides[-1] == size and target.size:
        row = np.dtype((np.void, target.shape[-1] * size))
        target, stored = target.view(row), stored.view(row)
    np.copyto(target, stored)
