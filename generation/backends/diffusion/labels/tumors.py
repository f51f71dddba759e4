"""The label map of the same body without its tumors (`remove_tumors` of NV-Generate, scripts/augmentation.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import ndimage

from .tidying import LOBES

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["without_tumors"]

_INSIDE: Final = {26: 1, 24: 4, 27: 62}
"""Hepatic tumor, pancreatic tumor and colon cancer: the organ that each becomes."""
_LUNG_TUMOR: Final = 23


def without_tumors(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Tumors become the organ that they are in; lesions of bones stay, as in the source.

    Args:
        labels: `(x, y, z)`, values of MAISI's label dictionary. A tumor of the lung becomes the lobe that most of the
            voxels around it are of, or the largest lobe where there is none around it.

    Returns:
        A copy.
    """
    healthy = labels.copy()
    for tumor, organ in _INSIDE.items():
        healthy[labels == tumor] = organ
    lung = labels == _LUNG_TUMOR
    if lung.any():
        around = ndimage.binary_dilation(lung, np.ones((3, 3, 3))) & ~lung & np.isin(labels, LOBES)
        counts = np.bincount(healthy[around] if around.any() else healthy.ravel(), minlength=max(LOBES) + 1)
        healthy[lung] = max(LOBES, key=lambda lobe: int(counts[lobe]))
    return healthy
