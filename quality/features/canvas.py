"""A volume of any grid on a canvas of fixed size and spacing, so that features of different grids compare."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakKeyDictionary

import numpy as np

from .foreground import foreground

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..volume import Volume

    Centre = Literal["mask", "grid"]

__all__ = ["canvas_shape", "on_canvas"]

_SCALE_PERCENTILE = 98.0
_MOST_VALUES = 200_000
"""Of these the percentile is taken, evenly spread: it then differs by less than 0.2 % from that of all."""
_canvases: WeakKeyDictionary[Volume, dict[Any, NDArray[np.float32]]] = WeakKeyDictionary()
"""Several extractors need the same canvas of the same volume."""
_ALIGNED = 1e-3
"""Of the length of an axis: what it may lean without being called oblique (less than 0.06°)."""


def canvas_shape(size_mm: tuple[float, float, float], spacing_mm: float) -> tuple[int, int, int]:
    """Voxels of a canvas along x, y and z."""
    x, y, z = (max(round(size / spacing_mm), 1) for size in size_mm)
    return x, y, z


def on_canvas(
    volume: Volume, size_mm: tuple[float, float, float], spacing_mm: float, centre: Centre = "mask"
) -> NDArray[np.float32]:
    """Resamples a volume, by its affine, onto a canvas whose axes are those of RAS+.

    Every voxel of the canvas is the mean of what lies within one canvas voxel of it, weighted by a triangle: linear
    interpolation that does not alias where the canvas is coarser. The canvas is symmetric about its centre, so
    `canvas[::-1]` is the volume mirrored left to right.

    Intensities are relative: 0 is the background (the median of what is not body, where none is declared) and 1 the
    98th percentile of the body, so values are mostly in [0, 1] and not clipped. What lies outside the body or outside
    the volume's grid is 0. Deterministic, whatever the number of threads.

    Args:
        volume: on any grid.
        size_mm: of the canvas along x, y and z.
        spacing_mm: of the canvas, the same along each axis.
        centre: what comes to the canvas' centre: the centre of mass of the foreground's `mask`, or that of the `grid`.

    Returns:
        `canvas_shape(size_mm, spacing_mm)` float32, for reading only: it is kept as long as the volume.

    Raises:
        ValueError: the volume is not finite, empty or constant.
    """
    kept = _canvases.setdefault(volume, {})
    key = (tuple(size_mm), spacing_mm, centre)
    if key not in kept:
        kept[key] = _canvas(volume, size_mm, spacing_mm, centre)
        kept[key].flags.writeable = False
    return kept[key]


def _canvas(
    volume: Volume, size_mm: tuple[float, float, float], spacing_mm: float, centre: Centre
) -> NDArray[np.float32]:
    mask = foreground(volume)
    relative = _relative(volume, mask)
    middle = _centre_mm(volume, mask, centre)
    shape = canvas_shape(size_mm, spacing_mm)
    first = middle - spacing_mm * (np.asarray(shape) - 1) / 2
    to_index = np.linalg.inv(volume.affine)
    step, start = to_index[:3, :3] * spacing_mm, to_index[:3, :3] @ first + to_index[:3, 3]
    lengths = np.abs(np.diag(step))
    if (np.abs(step - np.diag(np.diag(step))).max(axis=1) <= _ALIGNED * lengths).all():
        return _aligned(relative, shape, np.diag(step), start)
    return _oblique(relative, shape, np.asarray(step, np.float64), np.asarray(start, np.float64))


def _relative(volume: Volume, mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    inside = volume.image[mask]
    zero = volume.background if volume.background is not None else _median(volume.image[~mask], inside)
    chosen = inside[:: -(-inside.size // _MOST_VALUES)]
    one = float(np.percentile(chosen, _SCALE_PERCENTILE)) - zero
    if one <= 0:
        msg = f"98 % of the foreground is not above the background {zero:g}, so there is no scale of intensities"
        raise ValueError(msg)
    relative = (volume.image - np.float32(zero)) * np.float32(1 / one)
    if volume.background is None:
        relative *= mask
    return relative


def _median(outside: NDArray[np.float32], inside: NDArray[np.float32]) -> float:
    return float(np.median(outside)) if outside.size else float(inside.min())


def _centre_mm(volume: Volume, mask: NDArray[np.bool_], centre: Centre) -> NDArray[np.float64]:
    middle = (np.asarray(mask.shape, np.float64) - 1) / 2
    if centre == "mask":
        profiles = [_profile(mask, axis) for axis in range(3)]
        middle = np.asarray([np.average(np.arange(len(profile)), weights=profile) for profile in profiles])
    point: NDArray[np.float64] = volume.affine[:3, :3] @ middle + volume.affine[:3, 3]
    return point


def _profile(mask: NDArray[np.bool_], axis: int) -> NDArray[np.int64]:
    """Voxels of the mask in each plane across an axis."""
    counts = np.count_nonzero(mask, axis=2 if axis < 2 else 0)
    profile: NDArray[np.int64] = counts.sum(axis=1 if axis == 0 else 0)
    return profile


def _aligned(
    values: NDArray[np.float32], shape: tuple[int, int, int], step: NDArray[np.float64], start: NDArray[np.float64]
) -> NDArray[np.float32]:
    """One axis after the other; sparse products run on one thread, in one order."""
    for axis in range(3):
        weights = _weights(values.shape[axis], shape[axis], float(step[axis]), float(start[axis]))
        ahead = np.moveaxis(values, axis, 0)
        flat = np.ascontiguousarray(ahead).reshape(len(ahead), -1)
        values = np.moveaxis((weights @ flat).reshape(shape[axis], *ahead.shape[1:]), 0, axis)
    return np.ascontiguousarray(values, np.float32)


def _weights(inputs: int, outputs: int, step: float, start: float):  # type: ignore[no-untyped-def] # noqa: ANN202
    """Sparse `(outputs, inputs)`: the triangle around each canvas voxel, cut at the ends of the grid."""
    from scipy import sparse

    reach = max(abs(step), 1.0)
    places = start + step * np.arange(outputs)
    near = np.floor(places[:, None]).astype(np.int64) + np.arange(-int(reach), int(reach) + 2)
    heights = np.clip(1 - np.abs(near - places[:, None]) / reach, 0, None)
    # of the whole triangle: voxels beyond the grid count as background
    heights /= heights.sum(axis=1, keepdims=True)
    there = (near >= 0) & (near < inputs) & (heights > 0)
    rows = np.broadcast_to(np.arange(outputs)[:, None], near.shape)
    entries = (heights[there].astype(np.float32), (rows[there], near[there]))
    return sparse.csr_matrix(entries, shape=(outputs, inputs))


def _oblique(
    values: NDArray[np.float32], shape: tuple[int, int, int], step: NDArray[np.float64], start: NDArray[np.float64]
) -> NDArray[np.float32]:
    """The same triangle along the axes of the volume, then linear interpolation."""
    from scipy import ndimage

    for axis, reach in enumerate(np.sqrt((step**2).sum(axis=1)).tolist()):
        if reach > 1:
            offsets = np.arange(-int(reach), int(reach) + 1)
            triangle = np.clip(1 - np.abs(offsets) / reach, 0, None)
            values = ndimage.correlate1d(values, triangle / triangle.sum(), axis=axis, mode="constant")
    found: NDArray[np.float32] = ndimage.affine_transform(
        values, step, offset=start, output_shape=shape, order=1, mode="constant", cval=0.0
    )
    return found
