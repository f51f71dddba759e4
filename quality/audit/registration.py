"""Rigid alignment of one volume to another, and how alike they then are: a few steps of Gauss and Newton."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from ..features.canvas import on_canvas
from ..features.foreground import foreground

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..volume import Volume

    Matrix = NDArray[np.float64]

__all__ = ["aligned_ncc", "rigid_alignment"]

_SIZE_MM: Final = (192.0, 224.0, 192.0)
_LEVELS_MM: Final = (6.0, 3.0)
"""From coarse, which reaches far, to fine."""
_MOST_POINTS: Final = 40_000
"""At which intensities are compared: six numbers of a pose need no more."""
_MOST_STEPS: Final = 12
_STILL: Final = 1e-3
"""A step shorter than this, in mm at 100 mm from the middle, ends a level."""
_ARM_MM: Final = 100.0
_LEAST_SHARE: Final = 0.02


def aligned_ncc(fixed: Volume, moving: Volume, *, mirrored: bool = False) -> float:
    """Correlation of two volumes within the body of the first, after rigid alignment, at the first's resolution.

    Args:
        fixed: every voxel of its body is compared.
        moving: is turned and shifted onto it, by linear interpolation.
        mirrored: compare with the mirror image of `moving`.

    Raises:
        ValueError: one of them is not finite, empty or constant.
    """
    transform = rigid_alignment(fixed, moving, mirrored=mirrored)
    body = foreground(fixed)
    voxels = np.argwhere(body).astype(np.float64)
    fixed_mm = voxels @ fixed.affine[:3, :3].T + fixed.affine[:3, 3]
    moving_mm = _apply(transform, fixed_mm - _middle_mm(fixed))
    if mirrored:
        moving_mm[:, 0] *= -1
    inverse = np.linalg.inv(moving.affine)
    places = (moving_mm + _middle_mm(moving)) @ inverse[:3, :3].T + inverse[:3, 3]
    return _correlation(fixed.image[body], _sampled(moving.image, places, float(moving.background or 0)))


def rigid_alignment(fixed: Volume, moving: Volume, *, mirrored: bool = False) -> Matrix:
    """Rotation and shift that take points of one volume to the other, both from the middle of the body, `(3, 4)` in mm.

    Least squares of the intensities, whose gain and offset are free. Steps are those of Gauss and Newton with the
    gradient of `fixed`, which is computed once (inverse compositional: Baker & Matthews 2004, IJCV 56:221).

    Args:
        fixed: as for `aligned_ncc`.
        moving: as for `aligned_ncc`.
        mirrored: as for `aligned_ncc`.
    """
    transform = np.eye(3, 4)
    for spacing in _LEVELS_MM:
        still, moved = on_canvas(fixed, _SIZE_MM, spacing), on_canvas(moving, _SIZE_MM, spacing)
        transform = _level(still, moved[::-1] if mirrored else moved, spacing, transform)
    return transform


def _level(fixed: NDArray[np.float32], moving: NDArray[np.float32], spacing: float, transform: Matrix) -> Matrix:
    inside = np.flatnonzero(fixed > _LEAST_SHARE)
    chosen = inside[:: -(-len(inside) // _MOST_POINTS)]
    middle = (np.asarray(fixed.shape) - 1) / 2
    points = (np.stack(np.unravel_index(chosen, fixed.shape), axis=1) - middle) * spacing
    gradient = np.stack([slope.ravel()[chosen] for slope in np.gradient(fixed, spacing)], axis=1).astype(np.float64)
    values = fixed.ravel()[chosen].astype(np.float64)
    # a small turn w moves a point x by w × x, so the image changes by (x × gradient) · w
    turns = np.cross(points, gradient) / _ARM_MM
    jacobian = np.concatenate([turns, gradient, values[:, None], np.ones((len(values), 1))], axis=1)
    solve = np.linalg.pinv(jacobian.T @ jacobian, hermitian=True) @ jacobian.T
    for _ in range(_MOST_STEPS):
        there = _sampled(moving, _apply(transform, points) / spacing + middle, 0.0)
        step = solve @ (there - values)
        transform = _composed(transform, _inverse(_small(step)))
        if np.abs(step[:6]).max() < _STILL:
            break
    return transform


def _small(step: Matrix) -> Matrix:
    from scipy.spatial.transform import Rotation

    return np.concatenate([Rotation.from_rotvec(step[:3] / _ARM_MM).as_matrix(), step[3:6, None]], axis=1)


def _inverse(transform: Matrix) -> Matrix:
    back = transform[:, :3].T
    return np.concatenate([back, -back @ transform[:, 3:]], axis=1)


def _composed(outer: Matrix, inner: Matrix) -> Matrix:
    shift = outer[:, :3] @ inner[:, 3:] + outer[:, 3:]
    return np.concatenate([outer[:, :3] @ inner[:, :3], shift], axis=1)


def _apply(transform: Matrix, points: Matrix) -> Matrix:
    moved: Matrix = points @ transform[:, :3].T + transform[:, 3]
    return moved


def _sampled(values: NDArray[np.float32], places: Matrix, outside: float) -> Matrix:
    from scipy import ndimage

    found: Matrix = ndimage.map_coordinates(
        values, places.T, order=1, mode="constant", cval=outside, output=np.float64, prefilter=False
    )
    return found


def _middle_mm(volume: Volume) -> Matrix:
    """Where the centre of the canvas lies."""
    where = np.argwhere(foreground(volume)).mean(axis=0)
    middle: Matrix = volume.affine[:3, :3] @ where + volume.affine[:3, 3]
    return middle


def _correlation(one: NDArray[np.float32], other: Matrix) -> float:
    """Pearson's; 0 where one of them is constant."""
    a, b = one - one.mean(dtype=np.float64), other - other.mean()
    size = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / size if size else 0.0
