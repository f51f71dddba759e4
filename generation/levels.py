"""How near samples that were made again come to those that are there, in numbers and in one word. Pure.

*Exact*: every voxel is the same. *Close*: what is left could be rounding, such as another processor or another release
of a library leaves behind. *Different*: it is another sample.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from ..store import ArraySpec

__all__ = ["ArrayDifference", "Level", "SampleDifference", "compare_volumes", "level_of", "summed"]

NOTICEABLE_SHARE: Final = 0.02
"""Of the largest value that an image can hold: what two voxels may differ by before anybody sees it on a screen."""

MOST_NOTICEABLE: Final = 0.001
"""Share of an array's voxels that may differ noticeably in a close sample: where a value falls to the other side of a
threshold, a voxel at the border of a structure changes wholly. A label that differs is always noticeable."""


class Level(StrEnum):
    """How near; `worst` puts several together."""

    EXACT = "exact"
    CLOSE = "close"
    DIFFERENT = "different"

    @staticmethod
    def worst(levels: Iterable[Level]) -> Level:
        """The level of all together; exact where there is none."""
        return max(levels, key=list(Level).index, default=Level.EXACT)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayDifference:
    """How one array of one sample, or of several, differs.

    Attributes:
        voxels: compared.
        differing: that are not the same.
        noticeable: of these, those that somebody could see.
        greatest: absolute difference, in stored integers.
        total: sum of the absolute differences, in stored integers.
        scale, unit: from stored integers to values.
        kind: `image`, or `label`, where the size of a difference means nothing.
    """

    voxels: int
    differing: int
    noticeable: int
    greatest: int
    total: int
    scale: float
    unit: str
    kind: str

    @property
    def mean(self) -> float:
        """Mean absolute difference over all voxels compared, in stored integers."""
        return self.total / self.voxels if self.voxels else 0.0

    def to_json(self) -> dict[str, Any]:
        """For programs; sizes only for an image."""
        counts = {"voxels": self.voxels, "differing": self.differing, "noticeable": self.noticeable}
        if self.kind == "label":
            return counts
        return counts | {
            "greatest_stored": self.greatest,
            "mean_stored": self.mean,
            "greatest": self.greatest * abs(self.scale),
            "mean": self.mean * abs(self.scale),
            "unit": self.unit,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleDifference:
    """A sample that is not exact.

    Attributes:
        sample_id, split: of its row.
        level: close or different.
        arrays: array → how it differs; only those that do, and none where there is nothing to compare.
        reasons: why, as far as its rows tell.
    """

    sample_id: str
    split: str
    level: Level
    arrays: dict[str, ArrayDifference]
    reasons: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "sample_id": self.sample_id,
            "split": self.split,
            "level": self.level.value,
            "arrays": {name: array.to_json() for name, array in self.arrays.items()},
            "reasons": list(self.reasons),
        }


def compare_volumes(there: NDArray[Any], made: NDArray[Any], spec: ArraySpec) -> ArrayDifference:
    """How two volumes of the same shape differ.

    Args:
        there: (x, y, z), stored integers.
        made: the same, made again.
        spec: of the array.
    """
    gaps = np.abs(there.astype(np.int64) - made.astype(np.int64))
    least = 1 if spec.kind == "label" else math.floor(NOTICEABLE_SHARE * np.iinfo(spec.dtype).max) + 1
    return ArrayDifference(
        voxels=gaps.size,
        differing=int(np.count_nonzero(gaps)),
        noticeable=int(np.count_nonzero(gaps >= least)),
        greatest=int(gaps.max()),
        total=int(gaps.sum()),
        scale=spec.scale,
        unit=spec.unit,
        kind=spec.kind,
    )


def level_of(arrays: Iterable[ArrayDifference]) -> Level:
    """The level of a sample whose arrays differ so."""
    return Level.worst(
        Level.EXACT
        if not array.differing
        else Level.CLOSE
        if array.noticeable <= MOST_NOTICEABLE * array.voxels
        else Level.DIFFERENT
        for array in arrays
    )


def summed(differences: Sequence[SampleDifference]) -> dict[str, ArrayDifference]:
    """Array → how it differs over all samples whose voxels were compared."""
    arrays: dict[str, ArrayDifference] = {}
    for name, more in ((name, array) for each in differences for name, array in each.arrays.items()):
        so_far = arrays.get(name)
        arrays[name] = more if so_far is None else _together(so_far, more)
    return arrays


def _together(one: ArrayDifference, other: ArrayDifference) -> ArrayDifference:
    return ArrayDifference(
        voxels=one.voxels + other.voxels,
        differing=one.differing + other.differing,
        noticeable=one.noticeable + other.noticeable,
        greatest=max(one.greatest, other.greatest),
        total=one.total + other.total,
        scale=one.scale,
        unit=one.unit,
        kind=one.kind,
    )
