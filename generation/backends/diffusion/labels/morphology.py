"""Dilation, closing and largest pieces of parts of a label map, each computed in the box of the part alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]

__all__ = ["closed", "dilated", "largest_piece", "opened_to_one_piece"]

_CUBE: Final = np.ones((3, 3, 3), dtype=bool)
"""Neighbours by faces, edges and corners, as of NV-Generate's filters of size 3 and its `connectivity=3`."""
_CLOSINGS: Final = 2


def dilated(mask: Mask, times: int = 1) -> Mask:
    """Grown by a cube of 3³ so many times."""
    grown = np.zeros_like(mask)
    if (box := _box(mask, times)) is not None:
        grown[box] = ndimage.binary_dilation(mask[box], _CUBE, iterations=times)
    return grown


def closed(mask: Mask) -> Mask:
    """Closed twice by a cube of 3³ (`organ_fill_by_closing`); what is outside the volume counts as empty."""
    filled = np.zeros_like(mask)
    # a ring of zeros around what has been dilated, so that erosion sees what it would see in the whole volume
    if (box := _box(mask, 2)) is not None:
        part = mask[box]
        for _ in range(_CLOSINGS):
            part = ndimage.binary_erosion(ndimage.binary_dilation(part, _CUBE), _CUBE, border_value=0)
        filled[box] = part
    return filled


def largest_piece(mask: Mask) -> Mask:
    """The connected piece with most voxels; of those that are as large the last, as the source sorts them."""
    kept = np.zeros_like(mask)
    if (box := _box(mask, 0)) is not None:
        pieces, count = ndimage.label(mask[box], _CUBE)
        sizes = np.bincount(pieces.ravel(), minlength=count + 1)[1:]
        kept[box] = pieces == count - int(sizes[::-1].argmax())
    return kept


def opened_to_one_piece(mask: Mask) -> Mask:
    """Eroded by a cube of 3³, the largest piece of that, dilated again."""
    return dilated(largest_piece(ndimage.binary_erosion(mask, _CUBE, border_value=0)))


def _box(mask: Mask, margin: int) -> tuple[slice, ...] | None:
    """The box of what is true, with a margin; None where nothing is."""
    box = []
    for axis in range(mask.ndim):
        others = tuple(other for other in range(mask.ndim) if other != axis)
        there = np.flatnonzero(mask.any(axis=others))
        if not there.size:
            return None
        box.append(slice(max(int(there[0]) - margin, 0), int(there[-1]) + 1 + margin))
    return tuple(box)
