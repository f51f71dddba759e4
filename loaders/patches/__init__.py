"""Where patches lie: pure functions and frozen plans on boxes, which know neither disk nor torch.

A box is ``((x0, x1), (y0, y1), (z0, z1))`` in voxels of the whole volume, ends excluded. What a user chooses
(`Uniform`, `Foreground`, `Labels`) is a small value; joined with the boxes in the table of a cohort it becomes a
`Placement`.
"""

from __future__ import annotations

from .boxes import check_patch, shifted_affine, shifted_affines
from .foreground import Foreground, foreground_box
from .grid import grid_boxes
from .labelled import Labels, centred_box
from .placement import Placement, Sampling
from .uniform import Uniform, random_box

__all__ = [
    "Foreground",
    "Labels",
    "Placement",
    "Sampling",
    "Uniform",
    "centred_box",
    "check_patch",
    "foreground_box",
    "grid_boxes",
    "random_box",
    "shifted_affine",
    "shifted_affines",
]
