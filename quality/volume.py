"""One sample as the checks, the features and the audit see it, whether it is synthetic or real."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ..store import ArraySpec

__all__ = ["Volume", "volume_of"]


# weakly referenced, so that what several extractors need of it is kept as long as it is there
@dataclass(frozen=True, slots=True, weakref_slot=True, kw_only=True, eq=False)
class Volume:
    """Voxels of one sample with what they mean.

    Attributes:
        image: `(x, y, z)` float32 in physical units; axis x runs to the right, y to the front, z up (RAS+).
        affine: 4×4 float64, voxel index → mm.
        background: value of what is outside the body, exactly; None where nothing says it (a scan that was not masked).
        label: `(x, y, z)` integer label map on the same grid, or None.
        labels: value → name of the label map.
    """

    image: NDArray[np.float32]
    affine: NDArray[np.float64]
    background: float | None = 0.0
    label: NDArray[Any] | None = None
    labels: Mapping[int, str] = field(default_factory=dict)

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance of voxel centres along x, y and z."""
        x, y, z = np.sqrt((self.affine[:3, :3] ** 2).sum(axis=0)).tolist()
        return x, y, z

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel in millilitres."""
        return abs(float(np.linalg.det(self.affine[:3, :3]))) / 1000


def volume_of(stored: Mapping[str, NDArray[Any]], specs: Mapping[str, ArraySpec]) -> Volume:
    """A sample of a store, from its stored integers.

    What is computed from it is the same while the sample is made and when the finished store is read.

    Args:
        stored: array name → `(x, y, z)` integers as in the store.
        specs: array name → what they mean; `image` is needed, `label` is taken where it is there.
    """
    spec, labels = specs["image"], specs.get("label")
    image = stored["image"].astype(np.float32) * np.float32(spec.scale) + np.float32(spec.offset)
    return Volume(
        image=image,
        affine=np.asarray(spec.affine, np.float64),
        background=float(np.float32(spec.offset)),
        label=None if labels is None else stored["label"],
        labels={} if labels is None else dict(labels.labels or {}),
    )
