"""How power is spread over spatial frequencies: sees blur and noise before any other feature does."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from .foreground import foreground

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..volume import Volume

__all__ = ["SPECTRUM_EDGES", "RadialSpectrum", "centred_block", "radial_power"]

_SIZE_MM = 128.0
_HIGHEST = 0.5
_BINS = 24
_LEAST_SHARE = 1e-12
"""Power of a frequency that a coarse grid does not have, as a share of all: below what quantisation leaves."""

SPECTRUM_EDGES = tuple(np.linspace(0, _HIGHEST, _BINS + 1).tolist())
"""Of the bins, in cycles per mm; the last is the highest frequency that voxels of 1 mm can hold."""


class RadialSpectrum:
    """`spectrum`: natural logarithm of the mean power in 24 shells of frequency, relative to the power in all.

    Of a cube of 128 mm around the centre of the foreground, on the volume's own grid, so that no interpolation dims
    what is to be measured.
    """

    name = "spectrum"
    feature_id = f"spectrum/1/{_SIZE_MM:g}mm/{_BINS}bins"
    width = _BINS

    def embed(self, volume: Volume) -> NDArray[np.float32]:
        """The vector of a volume; as `FeatureExtractor.embed`."""
        block = centred_block(volume, _SIZE_MM)
        power = radial_power(block, volume.spacing_mm)
        if not power.sum():
            msg = "the volume does not vary, so it has no spectrum"
            raise ValueError(msg)
        return np.log(np.maximum(power / power.sum(), _LEAST_SHARE)).astype(np.float32)


def centred_block(volume: Volume, size_mm: float) -> NDArray[np.float32]:
    """The voxels around the centre of the foreground, without the background's value; zeros beyond the grid.

    Args:
        volume: on any grid; along its own axes.
        size_mm: side of the cube.
    """
    mask = foreground(volume)
    background = volume.background if volume.background is not None else float(volume.image.min())
    sides = [max(round(size_mm / step), 1) for step in volume.spacing_mm]
    block = np.zeros(sides, np.float32)
    inner, outer = [], []
    for axis, side in enumerate(sides):
        occupied = np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {axis})))
        start = int(occupied[0] + occupied[-1] + 1 - side) // 2
        low, high = max(start, 0), min(start + side, mask.shape[axis])
        outer.append(slice(low, high))
        inner.append(slice(low - start, high - start))
    block[tuple(inner)] = volume.image[tuple(outer)] - np.float32(background)
    return block


def radial_power(block: NDArray[np.float32], spacing_mm: tuple[float, float, float]) -> NDArray[np.float64]:
    """Mean power in each shell of frequency, `(24,)`; 0 in a shell that the grid does not have.

    Args:
        block: `(x, y, z)`; a Hann window takes away what its edges would add.
        spacing_mm: of its voxels.
    """
    from scipy import fft

    windowed = block - block.mean(dtype=np.float64).astype(np.float32)
    for axis, window in enumerate(_windows(block.shape)):
        windowed *= np.expand_dims(window, tuple({0, 1, 2} - {axis}))
    spectrum = fft.rfftn(windowed, workers=1)
    power = spectrum.real**2 + spectrum.imag**2
    shells, weights, counts = _shells(block.shape, spacing_mm)
    sums = np.bincount(shells, weights=(power * weights).ravel(), minlength=_BINS + 1)[:_BINS]
    return np.divide(sums, counts, out=np.zeros(_BINS), where=counts > 0)


def _windows(shape: tuple[int, ...]) -> list[NDArray[np.float32]]:
    return [np.hanning(side + 2)[1:-1].astype(np.float32) for side in shape]


@lru_cache(maxsize=4)
def _shells(
    shape: tuple[int, ...], spacing_mm: tuple[float, float, float]
) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.float64]]:
    """The shell of each frequency of `rfftn` (24: beyond all), how often it counts, and what is in each shell."""
    x, y = (np.fft.fftfreq(side, step) for side, step in zip(shape[:2], spacing_mm, strict=False))
    z = np.fft.rfftfreq(shape[2], spacing_mm[2])
    radius = np.sqrt(x[:, None, None] ** 2 + y[:, None] ** 2 + z**2)
    shells = np.minimum(radius * (_BINS / _HIGHEST), _BINS).astype(np.int32)
    # the constant part says nothing of how the rest is spread
    shells[0, 0, 0] = _BINS
    twice = np.full(len(z), 2, np.float32)
    twice[0] = 1
    if shape[2] % 2 == 0:
        twice[-1] = 1
    weights = np.broadcast_to(twice, radius.shape)
    counts = np.bincount(shells.ravel(), weights=weights.ravel(), minlength=_BINS + 1)[:_BINS]
    return shells.ravel(), weights, counts
