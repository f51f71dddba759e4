"""Quick checks of one sample while its voxels are in memory, before anything is written.

Each finding is a reason code; `MEANINGS` says what it stands for. A backend adds codes of its own (`Sample.faults`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from ..store import ArraySpec

__all__ = ["MEANINGS", "check_sample"]

MEANINGS: Final[dict[str, str]] = {
    "MISSING": "a declared volume or measure is not there",
    "SHAPE_MISMATCH": "a volume does not have the shape of the grid",
    "DTYPE": "an image is not float32, or a label map not uint8",
    "NONFINITE": "an image or a measure holds NaN or infinity",
    "RANGE": "an image leaves the range that can be stored, which is the declared one",
    "EMPTY": "less than 0.5 % of the voxels are not background",
    "CONSTANT": "the image hardly varies where it is not background",
    "CLIPPED": "more than 1 % of what is not background is at the top of the range",
    "FOV_CUT": "more than 0.5 % of a face of the grid is not background: the field of view cuts the body",
    "LABEL_UNKNOWN": "a label map holds a value without a name",
    "LABEL_OUTSIDE": "the label map and the image do not agree on what is background",
    "COND_MISMATCH": "what was measured is far from what was ordered",
    "FOLDED": "the deformation folds: its Jacobian determinant is not positive everywhere",
    "UNREACHED": "this attempt's anatomy has no room for an ordered volume",
}

_LEAST_FILLED = 0.005
_LEAST_DEVIATION = 1e-4
_MOST_CLIPPED = 0.01
_MOST_AT_FACE = 0.005
# Coarse on purpose: whether conditions are met is judged over a whole data set; this catches a sample gone wrong.
_MISMATCH_SHARE = 0.25
_MISMATCH_VOXELS = 10
_MOST_DISAGREEMENT = 0.02


def check_sample(
    volumes: Mapping[str, NDArray[Any]],
    specs: Mapping[str, ArraySpec],
    *,
    measured: Mapping[str, float],
    ordered: Mapping[str, float | str],
) -> tuple[str, ...]:
    """The reason codes of all that is wrong with a sample; none means that it may be written.

    Args:
        volumes: array name → `(x, y, z)` values, images before quantisation.
        specs: array name → what it must be like.
        measured: measure → value.
        ordered: condition → value; a volume in ml of the same name as a measure must be near it.
    """
    found = dict.fromkeys(_shapes(volumes, specs))
    if not found:
        for name, spec in specs.items():
            found.update(dict.fromkeys((_image if spec.kind == "image" else _label)(volumes[name], spec)))
        found.update(dict.fromkeys(_agreement(volumes, specs)))
    voxel_ml = float(np.prod(next(iter(specs.values())).spacing_mm)) / 1000
    found.update(dict.fromkeys(_measures(measured, ordered, voxel_ml)))
    return tuple(found)


def _shapes(volumes: Mapping[str, NDArray[Any]], specs: Mapping[str, ArraySpec]) -> Iterator[str]:
    for name, spec in specs.items():
        if name not in volumes:
            yield "MISSING"
            continue
        if volumes[name].shape != spec.shape:
            yield "SHAPE_MISMATCH"
        if volumes[name].dtype != (np.float32 if spec.kind == "image" else np.uint8):
            yield "DTYPE"


def _image(values: NDArray[np.float32], spec: ArraySpec) -> Iterator[str]:
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
    yield from _cut(filled)


def _label(values: NDArray[np.uint8], spec: ArraySpec) -> Iterator[str]:
    counts = np.bincount(values.ravel(), minlength=256)
    if set(np.flatnonzero(counts).tolist()) - set(spec.labels or {}):
        yield "LABEL_UNKNOWN"
    if counts[0] > (1 - _LEAST_FILLED) * values.size:
        yield "EMPTY"
    yield from _cut(values != 0)


def _cut(filled: NDArray[np.bool_]) -> Iterator[str]:
    faces = [np.take(filled, end, axis=axis) for axis in range(3) for end in (0, -1)]
    if any(np.count_nonzero(face) > _MOST_AT_FACE * face.size for face in faces):
        yield "FOV_CUT"


def _agreement(volumes: Mapping[str, NDArray[Any]], specs: Mapping[str, ArraySpec]) -> Iterator[str]:
    """A voxel of the body may happen to be dark, but no voxel outside every label may be bright."""
    if {"image", "label"} <= specs.keys():
        filled = volumes["image"] != np.float32(specs["image"].offset)
        outside = int(np.count_nonzero(filled & (volumes["label"] == 0)))
        if outside > _MOST_DISAGREEMENT * int(np.count_nonzero(filled)):
            yield "LABEL_OUTSIDE"


def _measures(measured: Mapping[str, float], ordered: Mapping[str, float | str], voxel_ml: float) -> Iterator[str]:
    for name, value in measured.items():
        if not np.isfinite(value):
            yield "NONFINITE"
        wanted = ordered.get(name)
        if name.endswith("_ml") and isinstance(wanted, float | int):
            tolerance = max(_MISMATCH_SHARE * abs(wanted), _MISMATCH_VOXELS * voxel_ml)
            if not abs(value - wanted) <= tolerance:
                yield "COND_MISMATCH"
