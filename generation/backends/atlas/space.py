"""The template's own grid, and sampling on it.

Two grids share one box of RAS+ millimetres around the ICBM 152 brain: maps lie on the fine grid (1 mm), flows on the
coarse one (2 mm). Points are float32 millimetres, `(…, 3)`; maps are torch tensors `(C, x, y, z)`.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "BRAIN_CENTRE_MM",
    "BRAIN_ML",
    "BRAIN_SIZE_MM",
    "COARSE_MM",
    "COARSE_SHAPE",
    "FINE_SHAPE",
    "LOW_MM",
    "coarse_points",
    "sample",
    "sample_grid",
]

LOW_MM = (-78.0, -112.0, -78.0)
"""Centre of the first voxel of both grids."""
FINE_SHAPE = (157, 191, 167)
COARSE_MM = 2.0
COARSE_SHAPE = (79, 96, 84)

# Of the template's brain: known without loading it, so that orders can be checked at once; a test holds them.
BRAIN_ML = 1886.539
BRAIN_SIZE_MM = (145.0, 181.0, 155.0)
BRAIN_CENTRE_MM = (0.0, -17.0, 5.0)


@cache
def coarse_points() -> torch.Tensor:
    """Centres of the coarse grid's voxels, `(79, 96, 84, 3)`, in mm; always the same tensor, not to be written to."""
    axes = [low + COARSE_MM * torch.arange(n) for low, n in zip(LOW_MM, COARSE_SHAPE, strict=True)]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), -1)


def sample(maps: torch.Tensor, points_mm: torch.Tensor, *, spacing_mm: float = 1.0) -> torch.Tensor:
    """Trilinear values of maps at points; beyond the box, those of its nearest face.

    Args:
        maps: `(C, x, y, z)` float32 on a grid that starts at `LOW_MM`; fastest in memory layout `(x, y, z, C)`.
        points_mm: `(…, 3)` float32.
        spacing_mm: of the grid of `maps`.

    Returns:
        `(C, …)` float32. Each value depends on its point alone, so any subset of points gives the same bits.
    """
    scale = 2 / torch.tensor([(n - 1) * spacing_mm for n in maps.shape[1:]])
    unit = torch.addcmul(-torch.tensor(LOW_MM) * scale - 1, points_mm, scale)
    grid = unit.flip(-1).reshape(1, 1, 1, -1, 3)
    stored = maps[None].contiguous(memory_format=torch.channels_last_3d)
    values = functional.grid_sample(stored, grid, mode="bilinear", padding_mode="border", align_corners=True)
    return values.reshape(maps.shape[0], *points_mm.shape[:-1])


def sample_grid(field: torch.Tensor, axes_mm: Sequence[torch.Tensor]) -> torch.Tensor:
    """Trilinear values of a coarse field on a finer grid, axis after axis, which is far faster than point by point.

    Args:
        field: `(C, x, y, z)` on the coarse grid.
        axes_mm: coordinates of the finer grid along x, y and z.

    Returns:
        `(C, …)`; beyond the box, the values of its nearest face.
    """
    # x comes last: when the field is largest, whole planes are copied
    for axis in (3, 2, 1):
        position = ((axes_mm[axis - 1] - LOW_MM[axis - 1]) / COARSE_MM).clamp(0, field.shape[axis] - 1)
        before = position.floor().long().clamp(max=field.shape[axis] - 2)
        weight = (position - before).reshape([-1 if a == axis else 1 for a in range(4)])
        field = torch.lerp(field.index_select(axis, before), field.index_select(axis, before + 1), weight)
    return field
