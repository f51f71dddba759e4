"""Copies as a generator or a careless release would make them: for the positive control, which must find them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

import numpy as np

from ..features.foreground import foreground

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator
    from numpy.typing import NDArray

    from ..volume import Volume

    Image = NDArray[np.float32]

__all__ = ["COPY_KINDS", "planted_copy"]

_NOISE_SHARE: Final = 0.05
"""Standard deviation of the noise, of the mean brightness of the body: a scan of moderate quality."""
_BLUR_MM: Final = 1.0
"""Standard deviation: as much detail as an autoencoder that halves the resolution loses."""
_CONTROL_MM: Final = 30.0
"""Between the control points of a warp: the scale on which registration to a template leaves people different."""
_ROTATION_DEG: Final = 2.0
_SHIFT_MM: Final = 2.0

COPY_KINDS: Final = ("noise", "blur", "warp_0.6mm", "warp_1.5mm", "rigid", "mirror")
"""Re-noised, blurred, warped by 0.6 and 1.5 mm (standard deviation along each axis), rotated by 2° about a random axis
and shifted by 2 mm in a random direction, mirrored left to right."""


def planted_copy(volume: Volume, kind: str, random: Generator) -> Volume:
    """A copy of a volume that is not the same voxels.

    Args:
        volume: what is copied; its label map is left out.
        kind: of `COPY_KINDS`.
        random: what is random in the copy is drawn from it.

    Raises:
        ValueError: there is no such kind, or the volume has no body.
    """
    if kind not in COPY_KINDS:
        msg = f"a copy must be one of {', '.join(COPY_KINDS)}, got {kind!r}"
        raise ValueError(msg)
    zero = np.float32(volume.background or 0)
    makers: dict[str, Callable[[], Image]] = {
        "noise": lambda: _noisy(volume, zero, random),
        "blur": lambda: _blurred(volume, zero),
        "warp_0.6mm": lambda: _resampled(volume, zero, _warp(volume, 0.6, random)),
        "warp_1.5mm": lambda: _resampled(volume, zero, _warp(volume, 1.5, random)),
        "rigid": lambda: _resampled(volume, zero, _rigid(volume, random)),
        "mirror": lambda: np.ascontiguousarray(volume.image[_mirror_of(volume.affine)]),
    }
    return dataclasses.replace(volume, image=makers[kind](), label=None, labels={})


def _noisy(volume: Volume, zero: np.float32, random: Generator) -> Image:
    """Rician noise, as a magnitude image has it (Gudbjartsson & Patz 1995); the background stays what it is."""
    body = foreground(volume)
    inside = volume.image[body] - zero
    noise = random.standard_normal((2, inside.size), np.float32) * np.float32(_NOISE_SHARE * abs(float(inside.mean())))
    image = volume.image.copy()
    image[body] = np.hypot(inside + noise[0], noise[1]) + zero
    return image


def _blurred(volume: Volume, zero: np.float32) -> Image:
    from scipy import ndimage

    sigmas = [_BLUR_MM / step for step in volume.spacing_mm]
    smooth = ndimage.gaussian_filter(volume.image, sigmas, mode="nearest")
    image: Image = np.where(foreground(volume), smooth, zero) if volume.background is not None else smooth
    return image


def _warp(volume: Volume, sd_mm: float, random: Generator) -> NDArray[np.float32]:
    """Places of the voxels under a smooth random displacement, `(3, x, y, z)` in voxels.

    Cubic B-splines through control points, scaled to the wanted standard deviation over the volume.
    """
    shape, steps = volume.image.shape, volume.spacing_mm
    places = np.empty((3, *shape), np.float32)
    counts = [int(np.ceil(size * step / _CONTROL_MM)) + 4 for size, step in zip(shape, steps, strict=True)]
    axes = [1.5 + np.arange(size) * step / _CONTROL_MM for size, step in zip(shape, steps, strict=True)]
    for axis in range(3):
        field = random.standard_normal(counts)
        for along, positions in enumerate(axes):
            field = np.moveaxis(np.tensordot(_splines(positions, counts[along]), field, axes=(1, along)), 0, along)
        field *= sd_mm / field.std() / steps[axis]
        places[axis] = field + np.arange(shape[axis]).reshape([-1 if a == axis else 1 for a in range(3)])
    return places


def _splines(positions: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Cubic B-spline weights of control points 0 to `count` − 1 at some positions."""
    distance = np.abs(positions[:, None] - np.arange(count)[None])
    near, far = 2 / 3 - distance**2 + distance**3 / 2, (2 - distance) ** 3 / 6
    return np.where(distance < 1, near, np.where(distance < 2, far, 0))


def _rigid(volume: Volume, random: Generator) -> NDArray[np.float32]:
    """Places of the voxels under a rotation about the middle of the body and a shift, `(3, x, y, z)` in voxels."""
    from scipy.spatial.transform import Rotation

    axis, shift = (_direction(random) for _ in range(2))
    turn = Rotation.from_rotvec(np.deg2rad(_ROTATION_DEG) * axis).as_matrix()
    to_index = np.linalg.inv(volume.affine[:3, :3])
    in_voxels = to_index @ turn @ volume.affine[:3, :3]
    middle = np.asarray([float(where.mean()) for where in np.nonzero(foreground(volume))])
    index = np.indices(volume.image.shape, np.float32).reshape(3, -1) - middle[:, None].astype(np.float32)
    moved = in_voxels.astype(np.float32) @ index + (middle + to_index @ (_SHIFT_MM * shift))[:, None].astype(np.float32)
    places: NDArray[np.float32] = moved.reshape(3, *volume.image.shape)
    return places


def _direction(random: Generator) -> NDArray[np.float64]:
    drawn = random.standard_normal(3)
    direction: NDArray[np.float64] = drawn / np.linalg.norm(drawn)
    return direction


def _resampled(volume: Volume, zero: np.float32, places: NDArray[np.float32]) -> Image:
    """Trilinear; where a background is declared, what is outside the moved body is exactly that."""
    from scipy import ndimage

    image: Image = ndimage.map_coordinates(volume.image, places, order=1, mode="constant", cval=float(zero))
    if volume.background is not None:
        inside = ndimage.map_coordinates(foreground(volume).astype(np.float32), places, order=1) >= 0.5
        image = np.where(inside, image, zero)
    return image


def _mirror_of(affine: NDArray[np.float64]) -> tuple[slice, ...]:
    """Turns the voxel axis that runs closest to left-right."""
    x = int(np.argmax(np.abs(affine[0, :3]) / np.sqrt((affine[:3, :3] ** 2).sum(axis=0))))
    return tuple(slice(None, None, -1) if axis == x else slice(None) for axis in range(3))
