"""Image quality metrics that need no segmentation, after MRIQC (Esteban et al. 2017), as a vector.

Tissue is told apart by three classes of brightness alone, the same way in every volume, so the figures of a synthetic
set and of a reference without label maps compare.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .foreground import foreground
from .spectrum import power_of
from .tissue_classes import three_classes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..volume import Volume

__all__ = ["HISTOGRAM_BINS", "IQM", "ImageQuality"]

HISTOGRAM_BINS = 32
IQM = ("efc", "cnr", "cjv", "snr", "wm2max", "fwhm_mm", "high_frequency_share")
"""The figures, first in the vector of `ImageQuality`; the histogram follows.

`efc`: entropy focus criterion over the foreground, lower is sharper (Atkinson et al. 1997). `cnr`: difference of the
means of the middle and the bright class, relative to their noise. `cjv`: coefficient of joint variation of the two
(Ganzetti et al. 2016), lower is better. `snr`: mean over standard deviation of the bright class. `wm2max`: mean of the
bright class over the 99.95th percentile. `fwhm_mm`: smoothness, as the width of a normal kernel that would leave such
differences between neighbours (Forman et al. 1995). `high_frequency_share`: of the power, above half of the grid's
highest frequency.
"""

_HIGHEST = 1.25
"""End of the histogram, relative to the 98th percentile of the foreground."""
_MOST_VALUES = 400_000
_LEAST = 1e-6


class ImageQuality:
    """`iqm`: the seven figures of `IQM`, then a histogram of the foreground in 32 bins, as shares."""

    name = "iqm"
    feature_id = f"iqm/1/{HISTOGRAM_BINS}bins"
    width = len(IQM) + HISTOGRAM_BINS
    names = (*IQM, *(f"histogram_{number:02d}" for number in range(HISTOGRAM_BINS)))

    def embed(self, volume: Volume) -> NDArray[np.float32]:
        """The vector of a volume; as `FeatureExtractor.embed`."""
        mask = foreground(volume)
        background = volume.background if volume.background is not None else float(volume.image.min())
        body = volume.image[mask]
        # evenly spread and the same for the same volume; the figures differ by less than their noise
        inside = np.asarray(body[:: -(-body.size // _MOST_VALUES)], np.float64) - background
        figures = {
            "efc": _entropy_focus(inside),
            **_tissue_contrast(inside),
            "fwhm_mm": _smoothness_mm(volume, mask),
            "high_frequency_share": power_of(volume).high_share,
        }
        return np.asarray([*(figures[name] for name in IQM), *_histogram(inside)], np.float32)


def _entropy_focus(values: NDArray[np.float64]) -> float:
    size = np.sqrt((values**2).sum())
    shares = np.abs(values) / max(size, _LEAST)
    shares = shares[shares > 0]
    highest = np.sqrt(len(values)) * np.log(1 / np.sqrt(len(values)))
    return float((shares * np.log(shares)).sum() / highest) if len(values) > 1 else 0.0


def _tissue_contrast(values: NDArray[np.float64]) -> dict[str, float]:
    low, high = three_classes(values.astype(np.float32))
    middle, bright = values[(values > low) & (values <= high)], values[values > high]
    difference = max(float(bright.mean() - middle.mean()), _LEAST) if middle.size else _LEAST
    spreads = float(bright.std()), float(middle.std()) if middle.size else 0.0
    return {
        "cnr": difference / max(float(np.hypot(*spreads)), _LEAST),
        "cjv": sum(spreads) / difference,
        "snr": float(bright.mean()) / max(spreads[0], _LEAST),
        "wm2max": float(bright.mean()) / max(float(np.percentile(values, 99.95)), _LEAST),
    }


def _smoothness_mm(volume: Volume, mask: NDArray[np.bool_]) -> float:
    """Mean of the three axes; 0 where neighbours know nothing of each other."""
    variance = float(volume.image[mask].var(dtype=np.float64))
    found = []
    for axis, step in enumerate(volume.spacing_mm):
        # every second line across the axis
        chosen = tuple(slice(None) if each == axis else slice(None, None, 2) for each in range(3))
        values, inside = np.moveaxis(volume.image[chosen], axis, 0), np.moveaxis(mask[chosen], axis, 0)
        both = inside[1:] & inside[:-1]
        differences = (values[1:] - values[:-1])[both]
        share = 1 - float(np.mean(differences.astype(np.float64) ** 2)) / (2 * variance) if differences.size else 0.0
        found.append(step * np.sqrt(-2 * np.log(2) / np.log(share)) if 0 < share < 1 else 0.0)
    return float(np.mean(found))


def _histogram(values: NDArray[np.float64]) -> NDArray[np.float64]:
    scale = max(float(np.percentile(values, 98)), _LEAST)
    counts, _ = np.histogram(np.clip(values / scale, 0, _HIGHEST), bins=HISTOGRAM_BINS, range=(0, _HIGHEST))
    shares: NDArray[np.float64] = counts / counts.sum()
    return shares
