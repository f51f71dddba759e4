"""One individual: the template's shape made personal, and placed in the image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from .flows import exponential, smooth_field
from .space import BRAIN_CENTRE_MM, COARSE_MM, COARSE_SHAPE, coarse_points, sample, sample_grid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.random import Generator
    from numpy.typing import NDArray

    from ...backend import Grid
    from .anatomy import Anatomy

__all__ = ["Placement", "axes_of", "individual_flow", "place", "points_through"]

_HEAD_MM = (45.0, 3.0)
_INNER_MM = ((30.0, 2.0), (16.0, 1.6), (9.0, 1.1))
"""Spacing of the control points and standard deviation of the velocity. Only the first also moves the outline, which
in people is smooth; the others, from large to fine, fade towards it over `_FADE_MM`. Chosen by eye."""
_FADE_MM = 12.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where an individual's head lies in the image: a scale and a shift.

    Attributes:
        scale: size of the head relative to the template's.
        centre_mm: the point of the unscaled head that comes to lie on `BRAIN_CENTRE_MM`.
        box: slices of the voxels that may hold brain; None where the head does not fit.
    """

    scale: float
    centre_mm: tuple[float, float, float]
    box: tuple[slice, slice, slice] | None


def individual_flow(random: Generator, anatomy: Anatomy) -> torch.Tensor:
    """Displacement from an individual's head, at the template's size, to the template: `(3, x, y, z)` in mm.

    It is random on every scale and knows no symmetry, which the template has.
    """
    inner = torch.zeros(3, *COARSE_SHAPE)
    for spacing, sd in _INNER_MM:
        inner += sd * smooth_field(random, channels=3, spacing_mm=spacing)
    depth = anatomy.depth[:, ::2, ::2, ::2].clamp(min=0)
    head = _HEAD_MM[1] * smooth_field(random, channels=3, spacing_mm=_HEAD_MM[0])
    return exponential(head + inner * (1 - torch.exp(-((depth / _FADE_MM) ** 2))))


def place(anatomy: Anatomy, flow: torch.Tensor, grid: Grid, affine: NDArray[np.float64], volume_ml: float) -> Placement:
    """Scales the head so that its outline encloses the ordered volume, and centres it in the image."""
    points = coarse_points()
    inside = sample(anatomy.depth, points + flow.permute(1, 2, 3, 0))[0] > 0
    enclosed = points[inside]
    scale = float(np.cbrt(volume_ml * 1000 / (len(enclosed) * COARSE_MM**3)))
    low, high = enclosed.amin(0).double().numpy(), enclosed.amax(0).double().numpy()
    centre = (low + high) / 2
    half_mm = (high - low) / 2 * scale + COARSE_MM
    first = (np.array(BRAIN_CENTRE_MM) - half_mm - affine[:3, 3]) / grid.spacing_mm
    last = (np.array(BRAIN_CENTRE_MM) + half_mm - affine[:3, 3]) / grid.spacing_mm
    start = np.maximum(np.floor(first).astype(int), 1)
    stop = np.minimum(np.ceil(last).astype(int) + 1, np.array(grid.shape) - 1)
    # the outline's own voxels must fit, the rim around them need not
    fits = (first + COARSE_MM / np.array(grid.spacing_mm) >= 0).all() and (
        last - COARSE_MM / np.array(grid.spacing_mm) <= np.array(grid.shape) - 1
    ).all()
    box = tuple(slice(int(a), int(b)) for a, b in zip(start, stop, strict=True))
    x, y, z = centre.tolist()
    return Placement(scale=scale, centre_mm=(x, y, z), box=(box[0], box[1], box[2]) if fits else None)


def axes_of(placement: Placement, affine: NDArray[np.float64]) -> list[torch.Tensor]:
    """Coordinates along x, y and z of the voxels of the placement's box in the unscaled head, float32 in mm."""
    assert placement.box is not None
    axes = []
    for axis, part in enumerate(placement.box):
        world = np.arange(part.start, part.stop) * affine[axis, axis] + affine[axis, 3]
        head = (world - BRAIN_CENTRE_MM[axis]) / placement.scale + placement.centre_mm[axis]
        axes.append(torch.from_numpy(head.astype(np.float32)))
    return axes


def points_through(flow: torch.Tensor, axes: Sequence[torch.Tensor]) -> torch.Tensor:
    """Where a flow takes the voxels of a box, `(x, y, z, 3)` float32 in mm."""
    moved = sample_grid(flow, axes).movedim(0, -1)
    return moved + torch.stack(torch.meshgrid(*axes, indexing="ij"), -1)
