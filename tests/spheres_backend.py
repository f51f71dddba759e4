"""A small real backend for tests: one ball in the middle of the grid, of the ordered radius and tone."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from voxpress.errors import RecipeError
from voxpress.generation.backend import Condition, Grid, Measure, Order, Output, Sample

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LABELS = {0: "background", 1: "ball"}
TONES = {"dark": 0.3, "bright": 0.7}

RADIUS = Condition(
    name="radius_mm",
    kind="number",
    meaning="Radius of the ball.",
    unit="mm",
    minimum=2.0,
    maximum=6.0,
    default={"range": [2.5, 5.5]},
)
TONE = Condition(
    name="tone",
    kind="category",
    meaning="How bright the ball is.",
    choices=tuple(TONES),
    default={"choice": {"dark": 0.5, "bright": 0.5}},
)


@dataclass
class SpheresBackend:
    """Balls whose label map has the ordered volume to half a voxel.

    Options:
        fail: {index: attempts}: the first attempts at the sample report the fault TEST_FAULT.
    """

    options: Mapping[str, Any]
    grid: Grid
    name: str = "spheres"
    conditions: tuple[Condition, ...] = (RADIUS, TONE)
    outputs: tuple[Output, ...] = (
        Output(name="image", kind="image"),
        Output(name="label", kind="label", labels=LABELS),
    )
    measures: tuple[Measure, ...] = (Measure(name="radius_mm", meaning="Of a ball of the label's volume.", unit="mm"),)
    digital_source_type: str = "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicMedia"
    calls: list[tuple[int, int]] = field(default_factory=list, compare=False)

    def __post_init__(self) -> None:
        unknown = sorted(set(self.options) - {"fail"})
        if unknown:
            msg = f"backend: the spheres backend has the option fail, got {', '.join(unknown)}"
            raise RecipeError(msg)

    @property
    def affine(self) -> np.ndarray:
        spacing = np.array(self.grid.spacing_mm)
        affine = np.diag([*spacing, 1.0])
        affine[:3, 3] = -spacing * (np.array(self.grid.shape) - 1) / 2
        return affine

    def generate(self, orders: Sequence[Order]) -> Sequence[Sample]:
        return [self._sample(order) for order in orders]

    def fingerprint(self) -> Mapping[str, str]:
        return {"backend": "spheres", "backend_version": "1"}

    def _sample(self, order: Order) -> Sample:
        self.calls.append((order.index, order.attempt))
        ball = self._ball(float(order.conditions["radius_mm"]))
        raw = np.random.Philox(key=order.seed).random_raw(ball.size)
        texture = (raw >> np.uint64(12)).astype(np.float64).reshape(ball.shape) * 2.0**-52 - 0.5
        image = np.where(ball, TONES[str(order.conditions["tone"])] + 0.2 * texture, 0.0).astype(np.float32)
        label = ball.astype(np.uint8)
        measured = (3 * label.sum(dtype=np.int64) * self.grid.voxel_ml * 1000 / (4 * math.pi)) ** (1 / 3)
        return Sample(
            volumes={"image": image, "label": label},
            measured={"radius_mm": float(measured)},
            faults=("TEST_FAULT",) if order.attempt < self._failures(order.index) else (),
        )

    def _ball(self, radius_mm: float) -> np.ndarray:
        """The voxels nearest to the centre, as many as the ball holds."""
        axes = [
            (np.arange(side) - (side - 1) / 2) * step
            for side, step in zip(self.grid.shape, self.grid.spacing_mm, strict=True)
        ]
        x, y, z = np.meshgrid(*axes, indexing="ij")
        nearest = np.argsort((x**2 + y**2 + z**2).ravel(), kind="stable")
        voxels = round(4 / 3 * math.pi * radius_mm**3 / (self.grid.voxel_ml * 1000))
        ball = np.zeros(nearest.size, dtype=bool)
        ball[nearest[:voxels]] = True
        return ball.reshape(self.grid.shape)

    def _failures(self, index: int) -> int:
        failures = {int(key): int(value) for key, value in self.options.get("fail", {}).items()}
        return failures.get(index, 0)
