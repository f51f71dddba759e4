"""The image: tissue shares to intensities, then bias field, blur and noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from .contrast import Signals
    from .labels import Levels

    Map = NDArray[np.float32]

__all__ = ["Shares", "add_noise", "blur", "intensities", "texture", "tissue_shares", "uneven"]

_TEXTURE = 0.025
"""Relative standard deviation of the fine unevenness of tissue; an assumption."""
# Half-widths of the soft borders, on the scale of each order; by eye.
_VENTRICLE_EDGE = 0.3
_CORTEX_EDGE = 0.2
_LESION_EDGE = 0.12
_FWHM = 2 * np.sqrt(2 * np.log(2))


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """What fills each voxel, `(n,)` each: `fluid` and `lesion` in [0, 1]; the rest is tissue, 0 grey to 1 white."""

    brightness: Map
    fluid: Map
    lesion: Map


def tissue_shares(
    tissue: dict[str, Map], levels: Levels, from_ventricles: Map, lesion_order: Map, spacing_mm: float
) -> Shares:
    """What fills each voxel: the same maps and levels as the label map, with soft borders.

    Args:
        tissue: channels of the deformed template, `(n,)` each.
        levels: those of the label map.
        from_ventricles: growth that would make the voxel ventricle, about mm; negative inside.
        lesion_order: that of the label map.
        spacing_mm: the borders of the ventricles are about as wide.
    """
    in_ventricles = _soft_step(-from_ventricles, spacing_mm * _VENTRICLE_EDGE)
    white = np.clip((tissue["whiteness"] - 0.35) / 0.3, 0, 1)
    in_sulci = _soft_step(levels.cortex - tissue["thickness_order"], _CORTEX_EDGE) * (1 - white)
    cerebral = np.clip(tissue["cerebral"], 0, 1)
    outside = cerebral * in_sulci + (1 - cerebral) * tissue["fluid"]
    deep = np.clip((tissue["whiteness"] - 0.6) / 0.25, 0, 1) * cerebral
    lesion = _soft_step(lesion_order - np.float32(levels.lesions), _LESION_EDGE) * deep
    return Shares(brightness=tissue["brightness"], fluid=np.maximum(in_ventricles, outside), lesion=lesion)


def _soft_step(distance: Map, width: float) -> Map:
    """0 far below zero, 1 far above, rising over about four times the width."""
    rising: Map = torch.sigmoid(torch.from_numpy(distance) * (1 / width)).numpy()
    return rising


def intensities(shares: Shares, signals: Signals) -> Map:
    """Noise-free intensity of each voxel: the mean of what fills it."""
    tissue = signals.grey + shares.brightness * np.float32(signals.white - signals.grey)
    tissue += shares.lesion * (np.float32(signals.lesion) - tissue)
    mixed: Map = tissue + shares.fluid * (np.float32(signals.fluid) - tissue)
    return np.maximum(mixed, 0)


def texture(random: Generator, shape: tuple[int, int, int]) -> Map:
    """Factors around 1 that vary from voxel to voxel, `(x, y, z)`."""
    field = ndimage.gaussian_filter(random.standard_normal(shape, dtype=np.float32), 0.7, truncate=3)
    factors: Map = 1 + field * np.float32(_TEXTURE / field.std(dtype=np.float64))
    return factors


def blur(image: Map, resolution_mm: float, spacing_mm: tuple[float, float, float]) -> Map:
    """Widens the point spread from the voxel's own size to a resolution (full width at half maximum)."""
    sigmas = [np.sqrt(max(resolution_mm**2 - mm**2, 0)) / _FWHM / mm for mm in spacing_mm]
    if max(sigmas) == 0:
        return image
    blurred: Map = ndimage.gaussian_filter(image, sigmas, truncate=3)
    return blurred


def uneven(field: Map, size: float) -> Map:
    """Factors around 1 from a smooth field; the largest and the smallest differ by `size`."""
    low, high = field.min(), field.max()
    factors: Map = 1 + np.float32(size) * ((field - low) / (high - low) - np.float32(0.5))
    return factors


def add_noise(image: Map, random: Generator, sd: float) -> Map:
    """Rician noise: the magnitude of a complex signal with normal noise in both parts (Gudbjartsson & Patz 1995)."""
    if sd == 0:
        return image
    real = image + random.standard_normal(image.shape, dtype=np.float32) * np.float32(sd)
    imaginary = random.standard_normal(image.shape, dtype=np.float32) * np.float32(sd)
    noisy: Map = np.sqrt(real * real + imaginary * imaginary)
    return noisy
