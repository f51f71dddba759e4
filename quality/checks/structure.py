"""Whether the volumes of a sample are what was declared: shape, type, range, and something in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .field_of_view import field_of_view

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from ...store import ArraySpec

__all__ = ["agreement", "image_values", "label_values", "shapes"]

_LEAST_FILLED = 0.005
_LEAST_DEVIATION = 1e-4
_MOST_CLIPPED = 0.01
_MOST_DISAGREEMENT = 0.02


def shapes(volumes: Mapping[str, NDArray[Any]], specs: Mapping[str, ArraySpec]) -> Iterator[str]:
    """MISSING, SHAPE_MISMATCH, DTYPE: with any of them, nothing else can be looked at."""
    for name, spec in specs.items():
        if name not in volumes:
            yield "MISSING"
            continue
        if volumes[name].shape != spec.shape:
            yield "SHAPE_MISMATCH"
        if volumes[name].dtype != (np.float32 if spec.kind == "image" else spec.numpy_dtype):
            yield "DTYPE"


def image_values(values: NDArray[np.float32], spec: ArraySpec) -> Iterator[str]:
    """NONFINITE, RANGE, EMPTY, CONSTANT, CLIPPED, FOV_CUT of an image."""
    lowest, highest = values.min(), values.max()
    if not (np.isfinite(lowest) and np.isfinite(highest)):
        yield "NONFINITE"
        return
    limits = np.iinfo(spec.dtype)
    bottom, top = spec.offset + spec.scale * limits.min, spec.offset + spec.scale * limits.max
    slack = abs(spec.scale) / 2
    if lowest < bottom - slack or highest > top + slack:
        yield "RANGE"
    filled = values != np.float32(spec.offset)
    inside = values[filled]
    if inside.size < _LEAST_FILLED * values.size:
        yield "EMPTY"
        return
    if inside.std(dtype=np.float64) < _LEAST_DEVIATION * (top - spec.offset):
        yield "CONSTANT"
    if np.count_nonzero(inside >= top - slack) > _MOST_CLIPPED * inside.size:
        yield "CLIPPED"
    yield from field_of_view(filled)


def label_values(values: NDArray[Any], spec: ArraySpec) -> Iterator[str]:
    """LABEL_UNKNOWN, EMPTY, FOV_CUT of a label map."""
    lowest = int(values.min())
    counts = np.bincount(values.ravel() if lowest >= 0 else values.ravel().astype(np.int64) - lowest)
    found = {value + min(lowest, 0): int(counts[value]) for value in np.flatnonzero(counts).tolist()}
    if found.keys() - set(spec.labels or {}):
        yield "LABEL_UNKNOWN"
    if found.get(0, 0) > (1 - _LEAST_FILLED) * values.size:
        yield "EMPTY"
    yield from field_of_view(values != 0)


def agreement(volumes: Mapping[str, NDArray[Any]], specs: Mapping[str, ArraySpec]) -> Iterator[str]:
    """LABEL_OUTSIDE: a voxel of the body may happen to be dark, but none outside every label may be bright."""
    if {"image", "label"} <= specs.keys():
        filled = volumes["image"] != np.float32(specs["image"].offset)
        outside = int(np.count_nonzero(filled & (volumes["label"] == 0)))
        if outside > _MOST_DISAGREEMENT * int(np.count_nonzero(filled)):
            yield "LABEL_OUTSIDE"
