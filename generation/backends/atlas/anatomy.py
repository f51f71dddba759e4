"""The template as maps to sample: what every subject is deformed from.

Built once from the templates (some ten seconds), kept in the user's cache folder, identified by a digest.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy import ndimage

from . import regions, ventricles
from .cached import cached_arrays
from .templates import load_templates

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .templates import Templates

    Map = NDArray[np.float32]

__all__ = ["TISSUE_MAPS", "Anatomy", "anatomy"]

TISSUE_MAPS = ("brightness", "whiteness", "thickness_order", "cerebral", "fluid")
"""Channels of `Anatomy.tissue`: see `Anatomy`."""

# Mean of the T1w template over voxels with a tissue probability above 0.95, grey and white; fluid where it is pure.
_T1_GREY, _T1_WHITE, _T1_FLUID = 0.647, 0.875, 0.255
# A voxel is trusted for the colour of tissue where fluid takes less than this share, and away from the ventricles,
# whose blurred border would otherwise look like a rim of grey matter.
_TRUSTED_TISSUE = 0.95
_RIM_MM = 3.5
# The order in which cortex gives way to fluid: darker than its surroundings by so much counts as so far from the white
# matter. Chosen by eye on widened sulci.
_DARKNESS = 0.05
_THICKNESS_MM = 5.0
_HIPPOCAMPUS_BONUS = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Anatomy:
    """Maps of the template on the grids of `space`, float32 tensors `(C, x, y, z)`.

    Attributes:
        depth: mm below the outline of the brain, positive inside, `(1, …)`.
        reach: amplitude of ventricular growth at which a point becomes ventricle, `(1, …)`.
        tissue: `brightness` (T1w of tissue alone, fluid painted over from beside: 0 grey, 1 white matter),
            `whiteness` (share of white in tissue), `thickness_order` (cortex with the lowest value gives way to fluid
            first), `cerebral` (1 in the territory of the cerebral cortex), `fluid` (share of CSF where it is not).
        growth: velocity of ventricular growth, on the coarse grid, `(3, …)`.
        digest: sha256 of all of it.
    """

    depth: torch.Tensor
    reach: torch.Tensor
    tissue: torch.Tensor
    growth: torch.Tensor
    digest: str


@cache
def anatomy() -> Anatomy:
    """The template's maps, from the cache folder if they are there, else built and put there."""
    maps, digest = cached_arrays("atlas-anatomy", version=2, build=_build)
    return Anatomy(
        depth=torch.from_numpy(maps["depth"])[None],
        reach=torch.from_numpy(maps["reach"])[None],
        # stored with the channels last: `sample` fetches all of a point at once
        tissue=torch.from_numpy(maps["tissue"]).movedim(-1, 0),
        growth=torch.from_numpy(maps["growth"]),
        digest=digest,
    )


def _build() -> dict[str, NDArray[np.float32]]:
    templates = load_templates()
    brain = regions.brain_mask(templates)
    csf = np.where(brain, np.clip(1 - templates.grey - templates.white, 0, 1), 0).astype(np.float32)
    brain_mm = regions.signed_distance(brain)
    # smoothed, because distances to a mask of voxels come in steps
    ventricles_mm = ndimage.gaussian_filter(regions.signed_distance(regions.lateral_ventricles(csf)), 0.8)
    growth = ventricles.growth_velocity(ventricles_mm, brain_mm)
    cerebral = regions.cerebral_territory(templates, brain, csf)
    trusted = brain & (templates.grey + templates.white > _TRUSTED_TISSUE) & (ventricles_mm > _RIM_MM)
    whiteness = _painted_over(templates.white / np.maximum(templates.grey + templates.white, 1e-3), trusted)
    brightness = _painted_over((templates.t1 - _T1_GREY) / (_T1_WHITE - _T1_GREY), trusted)
    order = _thickness_order(templates, whiteness, brain & (cerebral > 0.5) & (ventricles_mm > 0))
    fluid = np.clip((_T1_GREY - 0.03 - templates.t1) / (_T1_GREY - 0.03 - _T1_FLUID), 0, 1)
    fluid[~brain] = 1
    # the ventricles' own fluid comes from `reach`
    fluid[ventricles_mm < _RIM_MM] = 0
    tissue = [np.clip(brightness, -0.2, 1.15), whiteness, order, cerebral, fluid]
    return {
        "depth": -brain_mm,
        "reach": ventricles.reach_map(growth, ventricles_mm, brain_mm),
        "tissue": np.stack(tissue, axis=-1).astype(np.float32),
        "growth": growth.numpy(),
    }


def _painted_over(values: Map, trusted: NDArray[np.bool_]) -> Map:
    """Values where they are trusted; elsewhere those of the nearest trusted voxel, smoothed."""
    nearest = ndimage.distance_transform_edt(~trusted, return_distances=False, return_indices=True)
    filled = values[tuple(nearest)]
    painted: Map = np.where(trusted, values, ndimage.gaussian_filter(filled, 1.0))
    return painted


def _thickness_order(templates: Templates, whiteness: Map, cortex: NDArray[np.bool_]) -> Map:
    """Rank of cortex against atrophy: first goes what is dark (sulci in the average) and far from white matter."""
    grey = cortex & (whiteness <= 0.5)
    bright = ndimage.gaussian_filter(templates.t1, 0.7)
    weight = np.maximum(ndimage.gaussian_filter(grey.astype(np.float32), 5), 1e-3)
    surroundings = ndimage.gaussian_filter(np.where(grey, bright, 0), 5) / weight
    from_white_mm = ndimage.distance_transform_edt(whiteness <= 0.3)
    order = (bright - surroundings) / _DARKNESS - from_white_mm / _THICKNESS_MM
    order += _HIPPOCAMPUS_BONUS * regions.hippocampal_region()
    ranked: Map = np.clip(order, -20, 20).astype(np.float32)
    return ranked
