"""Sizes and shares of a volume, in units that people know: what distances between pictures cannot see.

`Morphometry` needs the image alone, so it compares any two sets. `LabelVolumes` needs a label map, and compares sets
whose maps name the same structures.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from .canvas import on_canvas
from .foreground import foreground
from .tissue_classes import three_classes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ..volume import Volume

__all__ = ["MORPHOMETRY", "LabelVolumes", "Morphometry"]

MORPHOMETRY = (
    "foreground_ml",
    "extent_x_mm",
    "extent_y_mm",
    "extent_z_mm",
    "surface_ratio",
    "asymmetry",
    "dark_share",
    "middle_share",
    "bright_share",
    "dark_level",
    "middle_level",
    "deep_dark_ml",
    "deep_bright_ml",
)
"""Components of `Morphometry`, in order.

`foreground_ml`: volume of what is not background. `extent_*_mm`: of its box. `surface_ratio`: its surface, relative to
that of a ball of the same volume. `asymmetry`: mean difference of the volume and its mirror image, relative to their
mean. `*_share`: of three classes of brightness in the foreground. `*_level`: median of a class, relative to that of the
bright one. `deep_*_ml`: volume of a class more than 20 mm below the surface: in a brain mostly the ventricles, dark in
T1w, bright in T2w.
"""

_SIZE_MM = (192.0, 228.0, 192.0)
_SPACING_MM = 3.0
_DEEP_MM = 20.0
_LEAST_BRIGHT = 0.01
"""Of the 98th percentile: what a canvas voxel must have to be body."""


class Morphometry:
    """`morphometry`: the numbers that `MORPHOMETRY` names."""

    name = "morphometry"
    feature_id = f"morphometry/1/{_SPACING_MM:g}mm"
    width = len(MORPHOMETRY)
    names = MORPHOMETRY

    def embed(self, volume: Volume) -> NDArray[np.float32]:
        """The vector of a volume; as `FeatureExtractor.embed`."""
        mask = foreground(volume)
        canvas = on_canvas(volume, _SIZE_MM, _SPACING_MM)
        body = canvas > _LEAST_BRIGHT
        found = {
            "foreground_ml": float(np.count_nonzero(mask)) * volume.voxel_ml,
            **dict(zip(("extent_x_mm", "extent_y_mm", "extent_z_mm"), _extents_mm(mask, volume), strict=True)),
            "surface_ratio": _surface_ratio(body),
            "asymmetry": _asymmetry(canvas),
            **_classes(canvas, body),
        }
        return np.asarray([found[name] for name in MORPHOMETRY], np.float32)


class LabelVolumes:
    """`label_volumes`: the volume of each structure that a label map names, in ml.

    Args:
        labels: value → name, the background (0) left out of the vector.

    Raises:
        ValueError: nothing but the background is named.
    """

    name = "label_volumes"

    def __init__(self, labels: Mapping[int, str]) -> None:
        self.labels = {value: labels[value] for value in sorted(labels) if value != 0}
        if not self.labels:
            msg = f"a label map must name a structure beside the background, got {dict(labels)}"
            raise ValueError(msg)
        named = hashlib.sha256("\n".join(self.names).encode()).hexdigest()[:8]
        self.feature_id = f"label_volumes/1/{len(self.labels)}/{named}"
        self.width = len(self.labels)

    @property
    def names(self) -> tuple[str, ...]:
        """Structures, in the order of the vector."""
        return tuple(self.labels.values())

    @property
    def components(self) -> tuple[str, ...]:
        """The same as parts of a score's id."""
        return tuple("_".join(name.replace(".", " ").split()) for name in self.names)

    def embed(self, volume: Volume) -> NDArray[np.float32]:
        """The vector of a volume; as `FeatureExtractor.embed`."""
        values = {name: value for value, name in volume.labels.items()}
        if volume.label is None or not values.keys() >= set(self.names):
            has = "no label map" if volume.label is None else f"a label map of {', '.join(volume.labels.values())}"
            msg = f"volumes of {', '.join(self.names)} are wanted, but the volume has {has}"
            raise ValueError(msg)
        counts = np.bincount(volume.label.ravel(), minlength=256)
        return (counts[[values[name] for name in self.names]] * volume.voxel_ml).astype(np.float32)


def _extents_mm(mask: NDArray[np.bool_], volume: Volume) -> list[float]:
    found = []
    for axis, step in enumerate(volume.spacing_mm):
        occupied = np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {axis})))
        found.append(float(occupied[-1] - occupied[0] + 1) * step)
    return found


def _surface_ratio(body: NDArray[np.bool_]) -> float:
    """Faces between body and the rest, relative to those of a ball of as many voxels (1.5 times its smooth surface)."""
    padded = np.pad(body, 1)
    faces = sum(int(np.count_nonzero(np.diff(padded, axis=axis))) for axis in range(3))
    voxels = max(int(np.count_nonzero(body)), 1)
    return float(faces / (1.5 * np.pi ** (1 / 3) * (6 * voxels) ** (2 / 3)))


def _asymmetry(canvas: NDArray[np.float32]) -> float:
    x, y, z = canvas.shape
    # in blocks of two voxels, so that it is anatomy and not noise
    coarse = canvas.reshape(x // 2, 2, y // 2, 2, z // 2, 2).mean(axis=(1, 3, 5))
    total = float(np.abs(coarse).sum(dtype=np.float64))
    return float(np.abs(coarse - coarse[::-1]).sum(dtype=np.float64)) / (2 * total) if total else 0.0


def _classes(canvas: NDArray[np.float32], body: NDArray[np.bool_]) -> dict[str, float]:
    from scipy import ndimage

    values = canvas[body]
    low, high = three_classes(values)
    classes = {"dark": values <= low, "middle": (values > low) & (values <= high), "bright": values > high}
    levels = {name: float(np.median(values[chosen])) for name, chosen in classes.items() if chosen.any()}
    depth = ndimage.distance_transform_edt(body)[body] * _SPACING_MM
    ml = _SPACING_MM**3 / 1000
    return {
        **{f"{name}_share": float(chosen.mean()) for name, chosen in classes.items()},
        **{f"{name}_level": levels.get(name, 0.0) / levels["bright"] for name in ("dark", "middle")},
        **{
            f"deep_{name}_ml": float(np.count_nonzero(classes[name] & (depth > _DEEP_MM))) * ml
            for name in ("dark", "bright")
        },
    }
