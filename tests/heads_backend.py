"""A small real backend for tests of training: heads of an ordered size and tone, each with folds of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from spheres_backend import TONE, TONES, SpheresBackend

from voxpress.generation.backend import Condition, Measure, Order, Output, Sample

if TYPE_CHECKING:
    from collections.abc import Mapping

SIZE = Condition(
    name="size_mm",
    kind="number",
    meaning="Half axis of the head from back to front.",
    unit="mm",
    minimum=55.0,
    maximum=85.0,
    default={"range": [60, 80]},
)


@dataclass
class HeadsBackend(SpheresBackend):
    """Ellipsoids that lie inside of a field of view of 192 mm."""

    name: str = "heads"
    conditions: tuple[Condition, ...] = (SIZE, TONE)
    outputs: tuple[Output, ...] = (Output(name="image", kind="image"),)
    measures: tuple[Measure, ...] = (Measure(name="size_mm", meaning="As ordered.", unit="mm"),)

    def fingerprint(self) -> Mapping[str, str]:
        return {"backend": "heads", "backend_version": "1"}

    def _sample(self, order: Order) -> Sample:
        size = float(order.conditions["size_mm"])
        random = np.random.default_rng(order.seed)
        half = size * np.array([0.8, 1.0, 0.85]) * (1 + 0.03 * random.standard_normal(3))
        places = np.meshgrid(
            *(mm * (np.arange(side) - (side - 1) / 2) for side, mm in zip(*self._sides, strict=True)), indexing="ij"
        )
        distance = sum((place / axis) ** 2 for place, axis in zip(places, half, strict=True))
        folds = ndimage.gaussian_filter(random.standard_normal(self.grid.shape), 1.2)
        tissue = TONES[str(order.conditions["tone"])] * (1 + 0.25 * folds / folds.std())
        image = np.where(distance < 1, np.clip(tissue, 0.05, 1), 0).astype(np.float32)
        return Sample(volumes={"image": image}, measured={"size_mm": size})

    @property
    def _sides(self) -> tuple[tuple[int, ...], tuple[float, ...]]:
        return self.grid.shape, self.grid.spacing_mm
