"""Which voxels of a volume are body: by its exact background where one is declared, else by a threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..volume import Volume

__all__ = ["check_finite", "foreground", "otsu_threshold"]

_BINS = 256
_masks: WeakKeyDictionary[Volume, NDArray[np.bool_]] = WeakKeyDictionary()
"""Each extractor needs the mask of the same volume."""


def foreground(volume: Volume) -> NDArray[np.bool_]:
    """The mask of the body, `(x, y, z)`, for reading only.

    Where the background is declared, all that differs from it. Elsewhere all above Otsu's threshold: its largest piece,
    with what it encloses.

    Raises:
        ValueError: a voxel is not finite, or nothing is body.
    """
    if (known := _masks.get(volume)) is not None:
        return known
    check_finite(volume)
    if volume.background is not None:
        mask: NDArray[np.bool_] = volume.image != np.float32(volume.background)
    else:
        mask = _largest_filled(volume.image > otsu_threshold(volume.image))
    if not mask.any():
        msg = f"a volume of {volume.image.shape} voxels holds nothing but background ({volume.background})"
        raise ValueError(msg)
    mask.flags.writeable = False
    _masks[volume] = mask
    return mask


def check_finite(volume: Volume) -> None:
    """Raises ValueError if a voxel is NaN or infinite."""
    if not (np.isfinite(volume.image.min()) and np.isfinite(volume.image.max())):
        count = int(np.count_nonzero(~np.isfinite(volume.image)))
        msg = f"{count} of {volume.image.size} voxels are NaN or infinite; mend the volume"
        raise ValueError(msg)


def otsu_threshold(values: NDArray[np.float32]) -> float:
    """The threshold that parts values into the two classes with the largest variance between them (Otsu 1979).

    Args:
        values: of any shape, finite.
    """
    counts, edges = np.histogram(values, bins=_BINS)
    centres = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)[:-1].astype(np.float64)
    above = values.size - below
    sums = np.cumsum(counts * centres)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (sums[:-1] / below - (sums[-1] - sums[:-1]) / above) ** 2
    best = np.nan_to_num(between)
    # of several best ones the middle: between two far classes every threshold is as good
    places = np.flatnonzero(best == best.max())
    return float(edges[int(places[len(places) // 2]) + 1])


def _largest_filled(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    from scipy import ndimage

    pieces, count = ndimage.label(mask)
    if count > 1:
        mask = pieces == 1 + int(np.argmax(np.bincount(pieces.ravel())[1:]))
    outside, count = ndimage.label(np.pad(~mask, 1, constant_values=True))
    filled: NDArray[np.bool_] = (outside != outside[0, 0, 0])[1:-1, 1:-1, 1:-1]
    return filled
