"""CHECKER: patterns that repeat with the strides of a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["lattice"]

_PERIODS = (8, 4, 2)
"""Voxels: strides of upsampling, and so of the patterns that it leaves (Odena et al. 2016)."""
_LEAST_SIDE = 64
_STRIDE = 3
"""Every third line is enough, and shares no factor with the periods."""
_NEAR = 8
_LEAK = 2
"""Bins beside one that the window spreads a line over."""
_DEVIATIONS = 6.0
_MAD = 1.4826
_LEAST_EXCESS = float(np.log(2))


def lattice(values: NDArray[np.float32], filled: NDArray[np.bool_]) -> Iterator[str]:
    """CHECKER: along an axis, the power at a period of 8, 4 or 2 voxels stands out.

    By 6 MAD, and a factor of two, above a straight line through the logarithms of its neighbours.

    Args:
        values: `(x, y, z)`.
        filled: what is not background.
    """
    for axis in range(3):
        power = _line_power(values, filled, axis)
        if power is not None and any(_stands_out(power, period) for period in _PERIODS):
            yield "CHECKER"
            return


def _line_power(values: NDArray[np.float32], filled: NDArray[np.bool_], axis: int) -> NDArray[np.float64] | None:
    """Mean power spectrum of lines through the body along an axis; their length is a multiple of the longest period."""
    chosen = tuple(slice(None) if each == axis else slice(1, None, _STRIDE) for each in range(3))
    lines = np.moveaxis(values[chosen], axis, -1).reshape(-1, values.shape[axis])
    inside = np.moveaxis(filled[chosen], axis, -1).reshape(-1, values.shape[axis])
    occupied = np.flatnonzero(inside.any(axis=0))
    if not len(occupied):
        return None
    length = int(occupied[-1] - occupied[0] + 1) // _PERIODS[0] * _PERIODS[0]
    if length < _LEAST_SIDE:
        return None
    part = slice(int(occupied[0]), int(occupied[0]) + length)
    crossing = inside[:, part].sum(axis=1) >= length // 2
    if not crossing.any():
        return None
    body = lines[crossing, part]
    body = (body - body.mean(axis=1, keepdims=True)) * np.hanning(length).astype(np.float32)
    spectrum = np.fft.rfft(body, axis=1)
    mean: NDArray[np.float64] = (spectrum.real**2 + spectrum.imag**2).mean(axis=0, dtype=np.float64)
    return mean


def _stands_out(power: NDArray[np.float64], period: int) -> bool:
    place = 2 * (len(power) - 1) // period
    near = np.arange(place - _NEAR - _LEAK, place + _NEAR + _LEAK + 1)
    near = near[(np.abs(near - place) > _LEAK) & (near > _LEAK) & (near < len(power))]
    logs = np.log(np.maximum(power, 1e-30))
    slope, start = np.polyfit(near, logs[near], 1)
    rest = logs[near] - (slope * near + start)
    spread = _MAD * float(np.median(np.abs(rest)))
    return bool(logs[place] - (slope * place + start) > max(_DEVIATIONS * spread, _LEAST_EXCESS))
