"""The grid that all samples of a data set share: the one that all scans have, or one that is asked for. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ...errors import FormatError, RecipeError
from ...store import MANIFEST_NAME
from ...store import open as open_store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .survey import Surveyed

__all__ = ["VoxelGrid", "common_grid", "parse_grid"]

_SAME_MM: Final = 1e-3
"""How far apart the corners of two grids may be that are called the same; NIfTI has them in float32."""

_STRAIGHT: Final = 1e-4
_MOST_SHOWN: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VoxelGrid:
    """Where voxels are.

    Attributes:
        shape: voxels along x, y and z.
        affine: 4×4 float64, voxel index to mm in RAS+.
    """

    shape: tuple[int, int, int]
    affine: NDArray[np.float64]

    def is_that_of(self, other: VoxelGrid) -> bool:
        """Whether another grid is the same, to a thousandth of a millimetre at each corner."""
        if self.shape != other.shape:
            return False
        corners = np.array(np.meshgrid(*[(0, side - 1) for side in self.shape])).reshape(3, -1)
        apart = (self.affine - other.affine)[:3]
        return bool(np.abs(apart[:, :3] @ corners + apart[:, 3:]).max() <= _SAME_MM)


def parse_grid(text: str) -> VoxelGrid:
    """A grid that is asked for.

    Args:
        text: ``160,224,160@1,1,1``: voxels, and mm between them, straight, its centre at 0, 0, 0 mm; or with another
            centre, ``160,224,160@1,1,1@0,-17,10``; or the folder of a data set, for its grid.

    Raises:
        RecipeError: it is none of these.
        StoreNotFoundError, FormatError: as `open`.
    """
    if "@" not in text and (Path(text).expanduser() / MANIFEST_NAME).is_file():
        spec = next(iter(open_store(Path(text).expanduser()).specs.values()))
        return VoxelGrid(shape=spec.shape, affine=np.asarray(spec.affine, np.float64))
    try:
        parts = [[float(number) for number in part.split(",")] for part in text.split("@")]
    except ValueError:
        parts = []
    sides, spacing, centre = [*parts, [0.0, 0.0, 0.0]][:3] if 2 <= len(parts) <= 3 else ([], [], [])
    numbers = [*sides, *spacing, *centre]
    sound = len(sides) == len(spacing) == len(centre) == 3 and bool(np.isfinite(numbers).all())
    if not sound or any(side < 1 or side != int(side) for side in sides) or min(spacing) <= 0:
        msg = (
            f"grid must be voxels and mm such as 160,224,160@1,1,1, perhaps with the centre in mm (@0,-17,10), or the "
            f"folder of a data set, got {text!r}"
        )
        raise RecipeError(msg)
    x, y, z = map(int, sides)
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = np.array(centre) - np.array(spacing) * (np.array([x, y, z]) - 1) / 2
    return VoxelGrid(shape=(x, y, z), affine=affine)


def common_grid(scans: Sequence[Surveyed]) -> VoxelGrid:
    """The grid that all scans have.

    Args:
        scans: at least one.

    Raises:
        FormatError: they differ; the message lists the groups and says how to bring them to one grid.
    """
    first = scans[0].grid
    if all(first.is_that_of(scan.grid) for scan in scans):
        return first
    groups = Counter(_group(scan) for scan in scans)
    examples = {_group(scan): scan.path for scan in reversed(scans)}
    lines = [
        f"  {count:,} of {' x '.join(map(str, shape))} voxels, {' x '.join(f'{side:g}' for side in spacing)} mm, "
        f"{where}, such as {examples[shape, spacing, where]}"
        for (shape, spacing, where), count in groups.most_common(_MOST_SHOWN)
    ]
    more = f"\n  and {len(groups) - _MOST_SHOWN:,} other groups" if len(groups) > _MOST_SHOWN else ""
    shape, spacing, _ = groups.most_common(1)[0][0]
    grid = f"{','.join(map(str, shape))}@{','.join(f'{side:g}' for side in spacing)}"
    msg = (
        f"the {len(scans):,} scans are not on one grid, and all samples of a data set are:\n"
        + "\n".join(lines)
        + more
        + "\n"
        f"register them to one space first, choose those of one group, or have them resampled: --grid {grid}"
    )
    raise FormatError(msg)


def _group(scan: Surveyed) -> tuple[Any, ...]:
    """Shape, spacing, and how the volume lies."""
    grid = scan.grid
    sides = np.linalg.norm(grid.affine[:3, :3], axis=0)
    axes = grid.affine[:3, :3] / sides
    tilt = "" if np.abs(axes - np.rint(axes)).max() < _STRAIGHT else ", oblique"
    first = ", ".join(f"{x:g}" for x in np.round(grid.affine[:3, 3], 1) + 0.0)
    where = f"{scan.orientation} in the file{tilt}, first voxel at {first} mm"
    return grid.shape, tuple(np.round(sides, 3).tolist()), where
