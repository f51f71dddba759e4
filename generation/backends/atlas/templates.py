"""The ICBM 152 2009a symmetric templates that nilearn ships (see NOTICE), on the fine grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .space import FINE_SHAPE, LOW_MM

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Templates", "load_templates"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Templates:
    """Average T1w image and tissue probabilities, skull-stripped, float32 in [0, 1] of shape `FINE_SHAPE`."""

    t1: NDArray[np.float32]
    grey: NDArray[np.float32]
    white: NDArray[np.float32]


def load_templates() -> Templates:
    """Reads the three templates from the installed nilearn (about a second; no download)."""
    from nilearn import datasets

    return Templates(
        t1=_on_fine_grid(datasets.load_mni152_template(resolution=1)),
        grey=_on_fine_grid(datasets.load_mni152_gm_template(resolution=1)),
        white=_on_fine_grid(datasets.load_mni152_wm_template(resolution=1)),
    )


def _on_fine_grid(image: Any) -> NDArray[np.float32]:
    data = np.asarray(image.dataobj, dtype=np.float32)
    first = image.affine[:3, 3].astype(int) - np.array(LOW_MM, dtype=int)
    if not np.array_equal(image.affine[:3, :3], np.eye(3)):
        msg = f"the template's voxels must be 1 mm along RAS+, got the affine {image.affine.tolist()}"
        raise ValueError(msg)
    low, high = np.maximum(first, 0), np.minimum(first + data.shape, FINE_SHAPE)
    fine = np.zeros(FINE_SHAPE, dtype=np.float32)
    into = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    out_of = tuple(slice(a, b) for a, b in zip(low - first, high - first, strict=True))
    fine[into] = data[out_of]
    return np.clip(fine, 0, 1)
