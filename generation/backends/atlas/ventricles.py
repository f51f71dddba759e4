"""How the lateral ventricles grow and shrink: one stationary velocity field, one amplitude.

The field points along the outward normal of the ventricles, decays with distance from them, and vanishes at the
border of the brain, which therefore does not move. Amplitude 0 is the template (17.8 ml).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy import ndimage

from .flows import compose, exponential
from .labels import ShortageError
from .space import COARSE_MM, LOW_MM, sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Map = NDArray[np.float32]

__all__ = ["AMPLITUDE", "growth_velocity", "pull_back", "reach_map", "within_reach"]

AMPLITUDE = (-6.0, 20.0)
"""Between them the flow does not fold."""
_STEP = 0.5
# Chosen by trial: shorter decay or sharper normals fold the flow above 90 ml.
_DECAY_MM = 25.0
_NORMAL_SIGMA_VOXELS = 4.0
# smoothing about halves the slope of the distance beside ventricles so narrow
_SLOPE = 2.0
_BORDER_MM = 10.0


def growth_velocity(ventricles_mm: Map, brain_mm: Map) -> torch.Tensor:
    """Velocity of growth at amplitude 1, `(3, x, y, z)` in mm on the coarse grid.

    Args:
        ventricles_mm: signed distance to the ventricles on the fine grid, negative inside.
        brain_mm: signed distance to the outline of the brain, negative inside.
    """
    coarse = (slice(None, None, 2),) * 3
    distance = ndimage.gaussian_filter(ventricles_mm[coarse], _NORMAL_SIGMA_VOXELS)
    normal = np.stack(np.gradient(distance, COARSE_MM)) * _SLOPE
    depth = np.maximum(-brain_mm[coarse], 0)
    strength = np.exp(-np.maximum(distance, 0) / _DECAY_MM) * (1 - np.exp(-((depth / _BORDER_MM) ** 2)))
    return torch.from_numpy((normal * strength).astype(np.float32))


def pull_back(velocity: torch.Tensor, amplitude: float) -> torch.Tensor:
    """Displacement from the grown anatomy back to the template, for an amplitude of growth."""
    return exponential(velocity * -amplitude)


def within_reach(amplitude: float) -> float:
    """The amplitude, if the table of `reach_map` holds it.

    Raises:
        ShortageError: it does not: so small or so large, the ventricles of this anatomy cannot be.
    """
    if not AMPLITUDE[0] < amplitude < AMPLITUDE[1]:
        msg = f"amplitude {amplitude} is outside {AMPLITUDE}"
        raise ShortageError(msg)
    return amplitude


def reach_map(velocity: torch.Tensor, ventricles_mm: Map, brain_mm: Map) -> Map:
    """The amplitude of growth at which each point of the fine grid becomes part of the ventricles.

    `reach <= a` is therefore the ventricles at amplitude a, for every a at once, which turns the search for the
    amplitude that gives an ordered volume into the choice of a rank. Points that no amplitude of the table reaches get
    the largest one plus their distance in mm from the ventricles.
    """
    reach = np.where(ventricles_mm > 0, AMPLITUDE[1] + np.maximum(ventricles_mm, 0), AMPLITUDE[0])
    near = (brain_mm < 0) & (ventricles_mm < 30)
    points = torch.from_numpy((np.argwhere(near) + np.array(LOW_MM)).astype(np.float32))
    signed = torch.from_numpy(ventricles_mm)[None]
    crossing = torch.full((len(points),), float("nan"))
    for direction, end in ((-1.0, AMPLITUDE[0]), (1.0, AMPLITUDE[1])):
        # walking outwards from the template, note where the point first changes sides
        before = sample(signed, points)[0]
        step = pull_back(velocity, direction * _STEP)
        total = torch.zeros_like(step)
        for number in range(1, round(abs(end) / _STEP) + 1):
            total = compose(step, total)
            after = sample(signed, points + sample(total, points, spacing_mm=COARSE_MM).T)[0]
            changed = torch.isnan(crossing) & ((before > 0) != (after > 0))
            at = direction * _STEP * (number - 1 + before / (before - after))
            crossing = torch.where(changed, at, crossing)
            before = after
    found = crossing.numpy()
    reach[near] = np.where(np.isnan(found), reach[near], found)
    smooth: Map = reach.astype(np.float32)
    return smooth
