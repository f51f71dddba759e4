"""How power is spread over spatial frequencies: sees blur and noise before any other feature does."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

from .foreground import foreground

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..volume import Volume

__all__ = ["SPECTRUM_EDGES", "Power", "RadialSpectrum", "power_of"]

_SIZE_MM = 128.0
_HIGHEST = 0.5
_BINS = 24
_LEAST_SHARE = 1e-12
"""Power of a frequency that a coarse grid does not have, as a share of all: below what quantisation leaves."""

SPECTRUM_EDGES = tuple(np.linspace(0, _HIGHEST, _BINS + 1).tolist())
"""Of the bins, in cycles per mm; the last is the highest frequency that voxels of 1 mm can hold."""

_powers: WeakKeyDictionary[Volume, Power] = WeakKeyDictionary()
"""Several extractors need the spectrum of the same volume."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Power:
    """The power spectrum of a volume.

    Attributes:
        shells: mean power in each of the 24 shells, `(24,)`; 0 in a shell that the grid does not have.
        high_share: share of all power above half of the grid's highest frequency.
    """

    shells: NDArray[np.float64]
    high_share: float


class RadialSpectrum:
    """`spectrum`: natural logarithm of the mean power in 24 shells of frequency, relative to their sum.

    Of a cube of 128 mm around the centre of the foreground, on the volume's own grid, so that no interpolation dims
    what is to be measured.
    """

    name = "spectrum"
    feature_id = f"spectrum/1/{_SIZE_MM:g}mm/{_BINS}bins"
    width = _BINS

    def embed(self, volume: Volume) -> NDArray[np.float32]:
        """The vector of a volume; as `FeatureExtractor.embed`."""
        shells = power_of(volume).shells
        vector: NDArray[np.float32] = np.log(np.maximum(shells / shells.sum(), _LEAST_SHARE)).astype(np.float32)
        return vector


def power_of(volume: Volume) -> Power:
    """The power spectrum of the middle of a volume, windowed (Hann), its mean left out.

    Raises:
        ValueError: the volume is not finite, empty or constant.
    """
    if (known := _powers.get(volume)) is None:
        known = _powers[volume] = _power(_centred_block(volume), volume.spacing_mm)
    return known


def _power(block: NDArray[np.float32], spacing_mm: tuple[float, float, float]) -> Power:
    from scipy import fft

    windowed = block - block.mean(dtype=np.float64).astype(np.float32)
    for axis, side in enumerate(block.shape):
        window = np.hanning(side + 2)[1:-1].astype(np.float32)
        windowed *= np.expand_dims(window, tuple({0, 1, 2} - {axis}))
    spectrum = fft.rfftn(windowed, workers=1)
    shells = _shells(block.shape, spacing_mm)
    power = (spectrum.real**2 + spectrum.imag**2).ravel()
    power *= shells.weights
    sums = np.bincount(shells.numbers, weights=power, minlength=_BINS + 1)[:_BINS]
    total = float(power.sum(dtype=np.float64))
    if not total:
        msg = "the middle of the volume does not vary, so it has no spectrum"
        raise ValueError(msg)
    return Power(
        shells=np.divide(sums, shells.counts, out=np.zeros(_BINS), where=shells.counts > 0),
        high_share=float(power[shells.high].sum(dtype=np.float64)) / total,
    )


def _centred_block(volume: Volume) -> NDArray[np.float32]:
    """The voxels around the middle of the foreground's box, without the background's value; zeros beyond the grid."""
    mask = foreground(volume)
    background = volume.background if volume.background is not None else float(volume.image.min())
    sides = [max(round(_SIZE_MM / step), 1) for step in volume.spacing_mm]
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Shells:
    """What each frequency of `rfftn` belongs to.

    Attributes:
        numbers: of its shell; 24 for those beyond all, and for the constant part.
        weights: how often it counts: 0 for the constant part, 2 where its conjugate is left out.
        high: whether it is above half of the highest frequency.
        counts: in each shell.
    """

    numbers: NDArray[np.int32]
    weights: NDArray[np.float32]
    high: NDArray[np.bool_]
    counts: NDArray[np.float64]


@lru_cache(maxsize=4)
def _shells(shape: tuple[int, ...], spacing_mm: tuple[float, float, float]) -> _Shells:
    x, y = (np.fft.fftfreq(side, step) for side, step in zip(shape[:2], spacing_mm, strict=False))
    z = np.fft.rfftfreq(shape[2], spacing_mm[2])
    radius = np.sqrt(x[:, None, None] ** 2 + y[:, None] ** 2 + z**2)
    numbers = np.minimum(radius * (_BINS / _HIGHEST), _BINS).astype(np.int32)
    weights = np.full(radius.shape, 2, np.float32)
    weights[..., 0] = 1
    if shape[2] % 2 == 0:
        weights[..., -1] = 1
    numbers[0, 0, 0], weights[0, 0, 0] = _BINS, 0
    return _Shells(
        numbers=numbers.ravel(),
        weights=weights.ravel(),
        high=(radius > 0.25 / max(spacing_mm)).ravel(),
        counts=np.bincount(numbers.ravel(), weights=weights.ravel(), minlength=_BINS + 1)[:_BINS].astype(np.float64),
    )
