"""The label map: for each tissue, the voxels that come first in its order, as many as the ordered volume holds.

Every ordered volume is met by choosing a level of a continuous map of the deformed anatomy (depth below the outline,
growth at which a point becomes ventricle, order in which cortex gives way to fluid), so that the voxels that are
written hold what was ordered to within one voxel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LABELS", "Levels", "ShortageError", "highest", "label_tissues", "volumes_ml"]

LABELS = {
    0: "background",
    1: "lateral ventricles",
    2: "other cerebrospinal fluid",
    3: "cortical grey matter",
    4: "other grey matter",
    5: "white matter",
    6: "white matter hyperintensities",
}
VENTRICLES, FLUID, CORTEX, OTHER_GREY, WHITE, LESIONS = range(1, 7)

_LESION_WHITENESS = 0.85
"""Lesions stay this deep in the white matter, away from the cortex."""


class ShortageError(Exception):
    """The anatomy has fewer voxels of a kind than were ordered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """The levels that were chosen: what lies above them belongs to the tissue."""

    cortex: float
    lesions: float


def highest(order: NDArray[np.float32], count: int) -> tuple[NDArray[np.bool_], float]:
    """Exactly `count` places with the highest values, the earlier of equals first; and the level that parts them.

    Raises:
        ShortageError: there are fewer places.
    """
    if count > order.size:
        msg = f"{count} of {order.size}"
        raise ShortageError(msg)
    if count == 0:
        return np.zeros(order.shape, dtype=bool), float("inf")
    level = np.partition(order, order.size - count)[order.size - count]
    chosen = order > level
    equals = np.flatnonzero(order == level)
    chosen[equals[: count - int(chosen.sum())]] = True
    return chosen, float(level)


def label_tissues(
    maps: dict[str, NDArray[np.float32]],
    ventricles: NDArray[np.bool_],
    lesion_order: NDArray[np.float32],
    *,
    cortex: int,
    lesions: int,
) -> tuple[NDArray[np.uint8], Levels]:
    """Labels of the voxels of the brain.

    Args:
        maps: the channels `whiteness`, `thickness_order`, `cerebral` and `fluid` of the deformed template, `(n,)` each.
        ventricles: which of the n are lateral ventricles.
        lesion_order: where lesions appear first.
        cortex: number of voxels of cortex.
        lesions: number of voxels of white matter hyperintensities.

    Raises:
        ShortageError: the anatomy has less cortex or deep white matter than was ordered.
    """
    label = np.zeros(ventricles.shape, dtype=np.uint8)
    white = maps["whiteness"] > 0.5
    cerebral = maps["cerebral"] > 0.5
    label[:] = np.where(white, WHITE, np.where(maps["fluid"] > 0.5, FLUID, OTHER_GREY))
    label[ventricles] = VENTRICLES

    candidates = np.flatnonzero(cerebral & ~white & ~ventricles)
    kept, cortex_level = highest(maps["thickness_order"][candidates], cortex)
    label[candidates] = np.where(kept, CORTEX, FLUID)

    deep = np.flatnonzero(cerebral & ~ventricles & (maps["whiteness"] > _LESION_WHITENESS))
    diseased, lesion_level = highest(lesion_order[deep], lesions)
    label[deep[diseased]] = LESIONS
    return label, Levels(cortex=cortex_level, lesions=lesion_level)


def volumes_ml(label: NDArray[Any], voxel_ml: float) -> dict[int, float]:
    """Volume of each label of a label map, the background left out."""
    return {value: int(np.count_nonzero(label == value)) * voxel_ml for value in LABELS if value != 0}
