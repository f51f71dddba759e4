"""BG_NOISE_ODD: what lies in the corners of the grid, where no body is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ...store import ArraySpec

__all__ = ["background_noise"]

_CORNER = 16
"""A corner is a sixteenth of the grid along each axis."""
_LEAST_SIDE = 32
_MOST_FILLED = 0.01
_MOST_FAINT = 0.25
"""Relative to the 98th percentile of all that is not background: brighter is body, and FOV_CUT's business."""
_NOISE_RATIO = (1.0, 5.0)
"""Of mean and standard deviation in air: 1.91 with one coil (Rayleigh), more with several combined."""


def background_noise(values: NDArray[np.float32], spec: ArraySpec) -> Iterator[str]:
    """BG_NOISE_ODD where corners hold something faint that is not the noise of a magnitude image.

    A scan that was not masked has noise in every voxel of the air, and passes; a generator whose background is nearly
    but not exactly background does not.

    Args:
        values: `(x, y, z)`, finite.
        spec: of the image.
    """
    if min(values.shape) < _LEAST_SIDE:
        return
    corners = _corners(values) - np.float32(spec.offset)
    filled = corners[corners != 0]
    if filled.size <= _MOST_FILLED * corners.size:
        return
    inside = values[::4, ::4, ::4] - np.float32(spec.offset)
    bright = float(np.percentile(inside[inside != 0], 98)) if inside.any() else 0.0
    if np.median(np.abs(filled)) > _MOST_FAINT * abs(bright):
        return
    low, high = _NOISE_RATIO
    everywhere = filled.size >= corners.size / 2
    if not (everywhere and low <= corners.mean() / max(float(corners.std()), 1e-30) <= high):
        yield "BG_NOISE_ODD"


def _corners(values: NDArray[np.float32]) -> NDArray[np.float32]:
    x, y, z = (max(side // _CORNER, 2) for side in values.shape)
    ends = [(slice(None, size), slice(-size, None)) for size in (x, y, z)]
    return np.concatenate([values[a, b, c].ravel() for a in ends[0] for b in ends[1] for c in ends[2]])
