"""Diffeomorphisms as exponentials of stationary velocity fields, and the proof that they do not fold.

Scaling and squaring after Arsigny et al. 2006 (MICCAI, LNCS 4190:924). Fields are displacements or velocities in mm
on the coarse grid, `(3, x, y, z)`.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import torch

from .space import COARSE_MM, COARSE_SHAPE, coarse_points, sample

if TYPE_CHECKING:
    from numpy.random import Generator

__all__ = ["compose", "exponential", "minimum_jacobian", "smooth_field"]

_SQUARINGS = 6


def compose(outer: torch.Tensor, inner: torch.Tensor) -> torch.Tensor:
    """Displacement of `x → outer(inner(x))`, both given as displacements `(3, x, y, z)` in mm."""
    points = coarse_points() + inner.movedim(0, -1)
    return inner + sample(outer, points, spacing_mm=COARSE_MM)


def exponential(velocity: torch.Tensor) -> torch.Tensor:
    """Displacement of the flow of a velocity field over unit time, `(3, x, y, z)` in mm."""
    displacement: torch.Tensor = velocity / 2**_SQUARINGS
    for _ in range(_SQUARINGS):
        displacement = compose(displacement, displacement)
    return displacement


def minimum_jacobian(displacement: torch.Tensor) -> float:
    """Smallest Jacobian determinant of `x → x + u(x)` over all corners of all cells of the coarse grid.

    A trilinear map's Jacobian at a corner of a cell is made of the three edges that meet there, so all eight corners
    are looked at; central differences would miss folds between neighbours (Liu et al. 2022, arXiv:2212.06060).
    """
    edges = []
    for axis in range(3):
        edge = displacement.diff(dim=axis + 1) / COARSE_MM
        edge[axis] += 1
        edges.append(edge)
    lowest = float("inf")
    ends = (slice(None, -1), slice(1, None))
    for i in ends:
        for j in ends:
            for k in ends:
                a, b, c = edges[0][:, :, j, k], edges[1][:, i, :, k], edges[2][:, i, j, :]
                determinant = (
                    a[0] * (b[1] * c[2] - b[2] * c[1])
                    - a[1] * (b[0] * c[2] - b[2] * c[0])
                    + a[2] * (b[0] * c[1] - b[1] * c[0])
                )
                lowest = min(lowest, float(determinant.min()))
    return lowest


@cache
def _spline_basis(size: int, spacing_mm: float) -> torch.Tensor:
    """Cubic B-spline weights of control points at `spacing_mm` for each coarse position along one axis."""
    position = np.arange(size) * COARSE_MM / spacing_mm
    controls = int(np.floor(position[-1])) + 4
    distance = np.abs(position[:, None] - (np.arange(controls) - 1)[None, :])
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = (2 - distance) ** 3 / 6
    weights = np.where(distance < 1, near, np.where(distance < 2, far, 0))
    return torch.from_numpy(weights.astype(np.float32))


def smooth_field(random: Generator, *, channels: int, spacing_mm: float) -> torch.Tensor:
    """A random cubic B-spline field of unit standard deviation, `(channels, x, y, z)` on the coarse grid.

    Args:
        random: normal deviates of the control points are drawn from it.
        channels: independent fields.
        spacing_mm: of the control points: the size of the features.
    """
    bases = [_spline_basis(n, spacing_mm) for n in COARSE_SHAPE]
    shape = (channels, *(b.shape[1] for b in bases))
    controls = torch.from_numpy(random.standard_normal(shape, dtype=np.float32))
    field = torch.einsum("ia,cabd->cibd", bases[0], controls)
    field = torch.einsum("jb,cibd->cijd", bases[1], field)
    field = torch.einsum("kd,cijd->cijk", bases[2], field)
    # mean over positions of the sum of squared weights, along each axis
    variance = np.prod([float((b.double() ** 2).sum(1).mean()) for b in bases])
    return field / float(np.sqrt(variance))
