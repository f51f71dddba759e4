"""What is declared to be a brain, and the checks that only make sense for one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from ...store import ArraySpec

__all__ = ["brain_volume", "is_brain", "left_right_mirror", "pieces", "tissue_of", "tissue_order"]

_BRAIN_ML = (700.0, 2200.0)
_MOST_APART = 0.02
_SYMMETRIC = 0.995
_LEAST_VOXELS = 4096
"""Of which an agreement of left and right says something."""
_SLACK = 0.02
"""Of the 98th percentile: medians this near to each other are not said to be swapped."""

_TISSUES: Final = {
    "lesion": r"lesion|hyperintensit|tumou?r",
    "white": r"white[ _-]?matter\b|\bwm\b",
    "grey": r"gr[ea]y[ _-]?matter\b|\bgm\b|\bcortex\b",
    "fluid": r"cerebrospinal|\bcsf\b|ventricle",
}
_ORDERS: Final = {
    "T1w": (("fluid", "grey"), ("grey", "white")),
    "T2w": (("white", "grey"), ("grey", "fluid")),
    "FLAIR": (("fluid", "white"), ("fluid", "grey")),
    "FDG-PET": (("white", "grey"),),
}
"""Contrast → pairs of tissues, the darker one first.

Left out are pairs that partial volume can turn round: cortex and white matter in FLAIR, which are nearly as bright, and
fluid in PET, where sulci are narrower than the resolution.
"""
_BRAIN_CONDITIONS: Final = ("intracranial_volume_ml", "ventricular_volume_ml", "cortical_volume_ml", "brain_volume_ml")


def tissue_of(name: str) -> str | None:
    """The tissue of the brain that the name of a label speaks of: `white`, `grey`, `fluid`, `lesion`, or None."""
    return next((tissue for tissue, pattern in _TISSUES.items() if re.search(pattern, name.lower())), None)


def is_brain(specs: Mapping[str, ArraySpec], ordered: Mapping[str, Any]) -> bool:
    """Whether it is declared that the volumes show a brain; nothing is guessed from voxels.

    It is where the label map names grey and white matter, or a condition is a volume of the brain.
    """
    named = {tissue_of(name) for spec in specs.values() for name in (spec.labels or {}).values()}
    return {"grey", "white"} <= named or any(name in ordered for name in _BRAIN_CONDITIONS)


def pieces(filled: NDArray[np.bool_]) -> Iterator[str]:
    """MASK_FRAGMENTED: a second piece with more than 2 % of the voxels of all.

    Looked for on a grid of half the resolution, where two voxels that lie one apart belong together.

    Args:
        filled: `(x, y, z)`, what is not background.
    """
    from scipy import ndimage

    labelled, count = ndimage.label(_halved(filled))
    if count > 1:
        sizes = np.sort(np.bincount(labelled.ravel())[1:])
        if sizes[-2] > _MOST_APART * sizes.sum():
            yield "MASK_FRAGMENTED"


def _halved(filled: NDArray[np.bool_]) -> NDArray[np.bool_]:
    if min(filled.shape) < 64:
        return filled
    x, y, z = (side // 2 * 2 for side in filled.shape)
    even = filled[:x, :y, :z]
    half: NDArray[np.bool_] = even[::2] | even[1::2]
    half = half[:, ::2] | half[:, 1::2]
    return half[:, :, ::2] | half[:, :, 1::2]


def left_right_mirror(values: NDArray[np.float32], filled: NDArray[np.bool_]) -> Iterator[str]:
    """LR_MIRROR: inside the mask, the image and its mirror image correlate by more than 0.995.

    Args:
        values: `(x, y, z)`; x runs to the right.
        filled: what is not background.
    """
    step = 2 if min(values.shape) >= 64 else 1
    values, filled = values[:, ::step, ::step], filled[:, ::step, ::step]
    occupied = np.flatnonzero(filled.any(axis=(1, 2)))
    if not len(occupied):
        return
    box = slice(int(occupied[0]), int(occupied[-1]) + 1)
    both = filled[box] & filled[box][::-1]
    here, there = values[box][both], values[box][::-1][both]
    if here.size < _LEAST_VOXELS / step**2:
        return
    deviation = here.std(dtype=np.float64)
    if deviation == 0:
        return
    middle = here.mean(dtype=np.float64)
    correlation = float(np.mean((here - middle) * (there - middle), dtype=np.float64)) / deviation**2
    if correlation > _SYMMETRIC:
        yield "LR_MIRROR"


def brain_volume(label: NDArray[Any], voxel_ml: float, spec: ArraySpec) -> Iterator[str]:
    """BRAIN_VOL: all that a label map of grey and white matter names is not of the size of a brain.

    Args:
        label: `(x, y, z)`.
        voxel_ml: volume of one voxel.
        spec: of the label map.
    """
    if not {"grey", "white"} <= {tissue_of(name) for name in (spec.labels or {}).values()}:
        return
    low, high = _BRAIN_ML
    if not low <= int(np.count_nonzero(label)) * voxel_ml <= high:
        yield "BRAIN_VOL"


def tissue_order(
    image: NDArray[np.float32], label: NDArray[Any], labels: Mapping[int, str], contrast: Any
) -> Iterator[str]:
    """TISSUE_ORDER: the medians of fluid, grey and white matter are not in the order of a known contrast.

    Args:
        image: `(x, y, z)`.
        label: on the same grid.
        labels: value → name.
        contrast: as ordered; an unknown one, or none, is not checked.
    """
    if contrast not in _ORDERS:
        return
    step = 2 if min(image.shape) >= 64 else 1
    image, label = image[::step, ::step, ::step], label[::step, ::step, ::step]
    medians = {}
    for tissue in {each for pair in _ORDERS[contrast] for each in pair}:
        values = [value for value, name in labels.items() if tissue_of(name) == tissue]
        chosen = image[np.isin(label, values)]
        if chosen.size < 8:
            return
        medians[tissue] = float(np.median(chosen))
    slack = _SLACK * max(map(abs, medians.values()))
    if any(medians[darker] > medians[brighter] + slack for darker, brighter in _ORDERS[contrast]):
        yield "TISSUE_ORDER"
