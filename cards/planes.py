"""Planes of a volume as radiologists look at them: pure functions on arrays.

Volumes are ``(x, y, z)``, RAS+. Patient's right is on the viewer's left, anterior or superior is up; a sagittal plane
faces left, as seen from the patient's left side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["PLANES", "Plane", "body_slices", "cut", "edges", "focus", "window"]

_LANDMARK: Final = "lateral ventricles"
_BRIGHTEST_PERCENT: Final = 99.8
_DARKEST_PERCENT: Final = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """One of the three orthogonal planes.

    Attributes:
        name: axial, coronal or sagittal.
        normal: axis that it cuts.
        across, up: axes that run along it; both are shown from their end to their start.
        left, right: what stands at the viewer's left and right edge.
    """

    name: str
    normal: int
    across: int
    up: int
    left: str
    right: str


PLANES: Final = (
    Plane(name="axial", normal=2, across=0, up=1, left="R", right="L"),
    Plane(name="coronal", normal=1, across=0, up=2, left="R", right="L"),
    Plane(name="sagittal", normal=0, across=1, up=2, left="A", right="P"),
)


def cut(volume: NDArray[Any], plane: Plane, at: tuple[int, int, int]) -> NDArray[Any]:
    """A plane of a volume, rows from top to bottom and columns from the viewer's left to right.

    Args:
        volume: (x, y, z).
        plane: which.
        at: voxel that it goes through.

    Returns:
        (rows, columns).
    """
    # The axes that remain keep their order, so that `across` comes before `up`.
    slab: NDArray[Any] = np.take(volume, at[plane.normal], axis=plane.normal)
    return slab[::-1, ::-1].T


def focus(
    image: NDArray[Any], label: NDArray[Any] | None = None, labels: Mapping[int, str] | None = None
) -> tuple[int, int, int]:
    """The voxel that the planes go through: the centroid of the lateral ventricles, or else of the intensities.

    The sagittal plane goes through the left ventricle: between the two it would show neither.

    Args:
        image: (x, y, z), background 0.
        label: (x, y, z) label map.
        labels: value → name.
    """
    value = next((value for value, name in (labels or {}).items() if name == _LANDMARK), None)
    if label is not None and value is not None and (label == value).any():
        ventricles = (label == value).astype(np.float64)
        x, y, z = _centroid(ventricles)
        return _centroid(ventricles[: x + 1])[0], y, z
    weights = np.clip(image.astype(np.float64), 0, None)
    return _centroid(weights if weights.any() else np.ones(image.shape))


def window(image: NDArray[Any]) -> tuple[float, float]:
    """The values that become black and white: the background, and what nearly no voxel of the body exceeds.

    Args:
        image: (x, y, z), stored integers or physical values, background 0.
    """
    body = image[image != 0]
    if not body.size:
        return 0.0, 1.0
    low = min(0.0, float(np.percentile(body, _DARKEST_PERCENT)))
    high = float(np.percentile(body, _BRIGHTEST_PERCENT))
    return (low, high) if high > low else (low, low + 1.0)


def body_slices(images: Sequence[NDArray[Any]], *, margin: int = 4) -> tuple[slice, slice, slice]:
    """The smallest box that holds everything that is not background in all volumes.

    Args:
        images: (x, y, z), all of one shape, background 0.
        margin: voxels to leave around it.

    Returns:
        a slice for each axis; the whole volume if all is background.
    """
    found = np.logical_or.reduce([image != 0 for image in images])
    if not found.any():
        found = np.ones_like(found)
    profiles = (
        np.flatnonzero(found.any(axis=tuple(other for other in range(3) if other != axis))) for axis in range(3)
    )
    x, y, z = (slice(max(0, int(profile[0]) - margin), int(profile[-1]) + 1 + margin) for profile in profiles)
    return x, y, z


def edges(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels of a mask that touch its outside; the frame of the picture is no outside.

    Args:
        mask: (rows, columns).
    """
    padded = np.pad(mask, 1, mode="edge")
    inside = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return mask & ~inside


def _centroid(weights: NDArray[np.float64]) -> tuple[int, int, int]:
    total = weights.sum()
    profiles = [weights.sum(axis=axes) for axes in ((1, 2), (0, 2), (0, 1))]
    x, y, z = (round(float(profile @ np.arange(profile.size) / total)) for profile in profiles)
    return x, y, z
