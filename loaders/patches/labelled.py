"""Patches on labels: which one by weight, where by the box around it, both from the table."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from .boxes import below, box_anywhere, box_at, check_patch
from .extents import first_image, foreground_column, label_boxes, label_columns
from .foreground import Foreground
from .uniform import Uniform

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from ...store.arrays import ArraySpec, Box
    from .boxes import Shape
    from .placement import Placement

__all__ = ["LabelPlacement", "Labels", "centred_box"]

BACKGROUND = 0


def centred_box(shape: Shape, patch: Shape, around: Box, words: Sequence[int]) -> Box:
    """A box whose centre is any voxel of another box with equal probability, moved inwards where it leaves the volume.

    The centre of n voxels is number n // 2 of them, counted from 0. A box that was moved still holds the voxel that was
    drawn as its centre.

    Args:
        shape: voxels of the volume.
        patch: voxels of the box; must fit.
        around: box in the volume, not empty.
        words: random words, of which three are used.
    """
    starts = []
    for size, extent, (first, stop), word in zip(shape, patch, around, words, strict=False):
        centre = first + below(stop - first, word)
        starts.append(min(max(0, centre - extent // 2), size - extent))
    return box_at(starts, patch)


@dataclass(frozen=True, slots=True)
class Labels:
    """First a label by weight, then a box whose centre is anywhere in the box around that label (`centred_box`).

    Labels that a sample does not have are left out for it. The background has no box of its own: drawing it means any
    position in the volume. A sample with none of the labels has its patches on the foreground of the first image, and
    anywhere if there is none.

    Args:
        weights: name or value of a label → weight, for example ``{"lateral ventricles": 1, 3: 2, "background": 0.5}``.
        array: label array that has them.
        by_count: multiply the weights by the number of voxels that the sample has of each label.

    Raises:
        ValueError: no weight is positive, or one is negative or not finite.
    """

    weights: Mapping[str | int, float] = field(hash=False)
    array: str = field(default="label", kw_only=True)
    by_count: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        weights = {key: float(weight) for key, weight in self.weights.items()}
        if not all(math.isfinite(weight) and weight >= 0 for weight in weights.values()) or not any(weights.values()):
            msg = f"weights must be 0 or more and finite, with at least one above 0, got {weights}"
            raise ValueError(msg)
        object.__setattr__(self, "weights", weights)

    def values(self, specs: Mapping[str, ArraySpec]) -> dict[int, float]:
        """Weight of each value, in the order of values, so that it does not matter in which order they were given.

        Raises:
            ValueError: there is no such label array or label, or one label is named twice.
        """
        names = _label_names(self.array, specs)
        by_name = {name: value for value, name in names.items()}
        weights: dict[int, float] = {}
        for key, weight in self.weights.items():
            value = by_name.get(key) if isinstance(key, str) else key
            if value is None or value not in names or isinstance(key, bool):
                msg = f"array {self.array!r} has no label {key!r}; it has {_told(names)}"
                raise ValueError(msg)
            if value in weights:
                msg = f"label {value} ({names[value]}) has two weights; give one"
                raise ValueError(msg)
            weights[value] = weight
        return dict(sorted(weights.items()))

    def columns(self, specs: Mapping[str, ArraySpec]) -> tuple[str, ...]:
        """As in `Sampling`."""
        self.values(specs)
        image = first_image(specs)
        fallback = () if image is None else (foreground_column(image, specs),)
        return *label_columns(self.array, counts=self.by_count), *fallback

    def placement(self, shape: Shape, patch: Shape, specs: Mapping[str, ArraySpec], table: pa.Table) -> LabelPlacement:
        """As in `Sampling`."""
        weights = self.values(specs)
        values = tuple(value for value in weights if value != BACKGROUND)
        boxes, counts, labelled = label_boxes(table, specs[self.array], values, shape, counts=self.by_count)
        image = first_image(specs)
        fallback = Uniform() if image is None else Foreground(array=image)
        return LabelPlacement(
            shape=shape,
            patch=check_patch(patch, shape),
            weights=np.array([weights[value] for value in values]),
            background=weights.get(BACKGROUND, 0.0),
            boxes=boxes,
            counts=counts,
            labelled=labelled,
            fallback=fallback.placement(shape, patch, specs, table),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelPlacement:
    """The box around a drawn label of each row.

    Attributes:
        shape: voxels of the volumes.
        patch: voxels of a box.
        weights: (labels,).
        background: weight of the background.
        boxes: (rows, labels, 6); zeros where a sample does not have the label.
        counts: (rows, labels), voxels; None if the weights do not depend on them.
        labelled: (rows,), voxels of all labels of the array together; None with `counts`.
        fallback: for rows that have none of the labels.
    """

    shape: Shape
    patch: Shape
    weights: NDArray[np.float64]
    background: float
    boxes: NDArray[np.int16]
    counts: NDArray[np.int64] | None
    labelled: NDArray[np.int64] | None
    fallback: Placement

    def box(self, row: int, words: Sequence[int]) -> Box:
        """As in `Placement`."""
        bounds = np.cumsum(self._weights(row))
        if not bounds[-1]:
            return self.fallback.box(row, words)
        # three words place the box, so the fourth chooses; 52 bits of it, so that rounding cannot reach the last bound
        chosen = int(np.searchsorted(bounds, (words[3] >> 12) * 2.0**-52 * bounds[-1], side="right"))
        if chosen == len(self.weights):
            return box_anywhere(self.shape, self.patch, words)
        x0, x1, y0, y1, z0, z1 = self.boxes[row, chosen].tolist()
        return centred_box(self.shape, self.patch, ((x0, x1), (y0, y1), (z0, z1)), words)

    def _weights(self, row: int) -> NDArray[np.float64]:
        """(labels + 1,), the background last; 0 for a label that the sample does not have."""
        there = self.boxes[row, :, 1] > 0
        if self.counts is None or self.labelled is None:
            return np.append(np.where(there, self.weights, 0.0), self.background)
        background = math.prod(self.shape) - int(self.labelled[row])
        return np.append(self.weights * self.counts[row], self.background * background)


def _label_names(array: str, specs: Mapping[str, ArraySpec]) -> Mapping[int, str]:
    names = specs[array].labels if array in specs else None
    if names is None:
        have = ", ".join(name for name, spec in specs.items() if spec.kind == "label") or "none"
        msg = f"the data set has no label array {array!r}; it has {have}"
        raise ValueError(msg)
    return {BACKGROUND: "background"} | dict(names)


def _told(names: Mapping[int, str]) -> str:
    shown = [f"{value} ({name})" for value, name in names.items()]
    return ", ".join(shown[:20]) + (f" and {len(shown) - 20} more" if len(shown) > 20 else "")
