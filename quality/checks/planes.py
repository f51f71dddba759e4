"""SLICE_DROPOUT and STITCH: planes that do not belong to those beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["seams", "slice_dropout"]

_LEAST_PLANES = 32
_DROPPED = 0.2
_NEAR = 8
"""Steps on either side that a step is compared with."""
_LEAST_JUMP = float(np.log(1.5))
_DEVIATIONS = 6.0
_MAD = 1.4826
_STRIDE = 2
_LEAST_SHARE = 0.05
"""Of the lines of the fullest step: where fewer cross the body, a mean says little."""


def slice_dropout(values: NDArray[np.float32], background: float) -> Iterator[str]:
    """SLICE_DROPOUT: the mean of a plane is under 20 % of those on both sides, of which the nearest two count.

    Args:
        values: `(x, y, z)`.
        background: its value.
    """
    for axis in range(3):
        if values.shape[axis] >= _LEAST_PLANES and _dropped(_plane_means(values, background, axis)):
            yield "SLICE_DROPOUT"
            return


def _plane_means(values: NDArray[np.float32], background: float, axis: int) -> NDArray[np.float64]:
    """Mean size of each plane; large grids are sampled at every second line."""
    stride = _STRIDE if min(values.shape) >= 64 else 1
    chosen = tuple(slice(None) if each == axis else slice(None, None, stride) for each in range(3))
    sizes = np.abs(values[chosen] - np.float32(background))
    means: NDArray[np.float64] = sizes.mean(axis=tuple({0, 1, 2} - {axis}), dtype=np.float64)
    return means


def _dropped(means: NDArray[np.float64]) -> bool:
    before = np.maximum(means[1:-3], means[:-4])
    after = np.maximum(means[3:-1], means[4:])
    return bool((means[2:-2] < _DROPPED * np.minimum(before, after)).any())


def seams(values: NDArray[np.float32], filled: NDArray[np.bool_]) -> Iterator[str]:
    """STITCH: the mean difference of two planes is 1.5 times, and 6 MAD above, that of the next and of those around.

    Args:
        values: `(x, y, z)`.
        filled: what is not background.
    """
    for axis in range(3):
        if values.shape[axis] < _LEAST_PLANES:
            continue
        if _has_jump(*_differences(values, filled, axis)):
            yield "STITCH"
            return


def _differences(
    values: NDArray[np.float32], filled: NDArray[np.bool_], axis: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Mean difference of each plane and the next inside the body, and how many voxels it is of."""
    chosen = tuple(slice(None) if each == axis else slice(None, None, _STRIDE) for each in range(3))
    lines = np.moveaxis(values[chosen], axis, 0)
    inside = np.moveaxis(filled[chosen], axis, 0)
    both = inside[1:] & inside[:-1]
    counts = both.sum(axis=(1, 2))
    sums = (np.abs(lines[1:] - lines[:-1]) * both).sum(axis=(1, 2), dtype=np.float64)
    return sums / np.maximum(counts, 1), counts


def _has_jump(steps: NDArray[np.float64], counts: NDArray[np.int64]) -> bool:
    usable = np.flatnonzero((counts >= max(_LEAST_SHARE * counts.max(initial=0), 16)) & (steps > 0))
    logs = np.log(steps[usable])
    # near the ends the shape of the body decides, and a plane of the body itself is wider than one step
    for place in range(_NEAR, len(logs) - _NEAR):
        sides = logs[place - _NEAR : place], logs[place + 1 : place + 1 + _NEAR]
        # the two parts may differ in contrast, and each has a level of its own
        middles = [float(np.median(side)) for side in sides]
        spread = _MAD * np.median(np.abs(np.concatenate(sides) - np.repeat(middles, _NEAR)))
        alone = logs[place] - max(logs[place - 1], logs[place + 1])
        if min(alone, logs[place] - max(middles)) > max(_DEVIATIONS * spread, _LEAST_JUMP):
            return True
    return False
