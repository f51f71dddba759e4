"""Figures of an image without a segmentation: thresholds on its own histogram, approximate and named so.

They follow volume and brightness; they are no substitute for a segmentation, which is why none of them carries the name
of an ordered condition.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from ...backend import Measure

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .model_card import ImageCard

__all__ = ["EXTRAPOLATED", "MEASURES", "measure", "otsu_thresholds"]

MEASURES = (
    Measure(name="foreground_volume_ml", meaning="All that is not background", unit="ml"),
    Measure(
        name="dark_volume_ml",
        meaning="Approximate: the darkest of three Otsu classes of the foreground; in T1w fluid and bone, no "
        "segmentation",
        unit="ml",
    ),
    Measure(
        name="central_dark_volume_ml",
        meaning="Approximate: that class in the middle third of the foreground's box along each axis; in T1w it grows "
        "with the ventricles, no segmentation",
        unit="ml",
    ),
    Measure(
        name="bright_volume_ml",
        meaning="Approximate: the brightest of three Otsu classes of the foreground; no segmentation",
        unit="ml",
    ),
    Measure(name="foreground_mean", meaning="Mean value of the foreground, as a share of the range of the image"),
)
EXTRAPOLATED = Measure(
    name="extrapolated",
    meaning="1 where a condition was ordered outside the range of training; told by the order, not by the image",
)
_BINS = 128


def measure(image: NDArray[np.float32], card: ImageCard, voxel_ml: float) -> dict[str, float]:
    """The values of `MEASURES`.

    Args:
        image: `(x, y, z)`.
        card: range of the image.
        voxel_ml: volume of a voxel.
    """
    filled = image > np.float32(card.background)
    count = int(np.count_nonzero(filled))
    if not count:
        return {each.name: 0.0 for each in MEASURES}
    values = (image[filled] - np.float32(card.minimum)) / np.float32(card.maximum - card.minimum)
    low, high = otsu_thresholds(values)
    dark = np.zeros(image.shape, dtype=bool)
    dark[filled] = values < low
    return {
        "foreground_volume_ml": count * voxel_ml,
        "dark_volume_ml": int(np.count_nonzero(dark)) * voxel_ml,
        "central_dark_volume_ml": int(np.count_nonzero(dark[_middle(filled)])) * voxel_ml,
        "bright_volume_ml": int(np.count_nonzero(values >= high)) * voxel_ml,
        "foreground_mean": float(values.mean(dtype=np.float64)),
    }


def otsu_thresholds(values: NDArray[np.float32]) -> tuple[float, float]:
    """The two thresholds that make three classes differ most (Otsu 1979, by trying all pairs of 128 bins).

    Args:
        values: `(n,)`, at least one.
    """
    counts, edges = np.histogram(values, bins=_BINS)
    weight = np.concatenate([[0], np.cumsum(counts)]).astype(np.float64)
    moment = np.concatenate([[0], np.cumsum(counts * (edges[:-1] + edges[1:]) / 2)])
    first, second = np.triu_indices(_BINS - 1, k=1)
    ends = (np.zeros_like(first), first + 1, second + 1, np.full_like(first, _BINS))
    between = np.zeros(first.size)
    for start, stop in pairwise(ends):
        share = weight[stop] - weight[start]
        between += (moment[stop] - moment[start]) ** 2 / np.maximum(share, 1)
    best = int(between.argmax())
    return float(edges[ends[1][best]]), float(edges[ends[2][best]])


def _middle(filled: NDArray[np.bool_]) -> tuple[slice, ...]:
    """The middle third of the box of the foreground."""
    box = []
    for axis in range(filled.ndim):
        others = tuple(other for other in range(filled.ndim) if other != axis)
        there = np.flatnonzero(filled.any(axis=others))
        start, stop = int(there[0]), int(there[-1]) + 1
        third = (stop - start) // 3
        box.append(slice(start + third, stop - third))
    return tuple(box)
