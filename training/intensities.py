"""From the values of a data set to the 0 to 1 that networks see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..generation.backends.diffusion.model_card import ImageCard

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import torch

    from ..store import ArraySpec, Cohort
    from .plan import TrainingPlan

__all__ = ["Intensities", "intensities_of"]

_PERCENTILE = 99.5
_FLOOR = 0.1
"""Of the range; below it, the mean of a neighbourhood is background. Decoders leave a haze of some hundredths there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intensities:
    """How values are scaled.

    Attributes:
        minimum, maximum: of the data set's window, in its unit; 0 and 1 stand for them.
        unit: of the values that the model makes.
        gains: sample → factor after that, where each volume has its own.
    """

    minimum: float
    maximum: float
    unit: str
    gains: Mapping[str, float] | None = None

    def scaled(self, values: torch.Tensor, ids: Sequence[str]) -> torch.Tensor:
        """Values of a batch `(B, 1, x, y, z)` in the data set's unit, from 0 to 1."""
        scaled = (values - self.minimum) / (self.maximum - self.minimum)
        if self.gains is not None:
            factors = values.new_tensor([self.gains[one] for one in ids])
            scaled = scaled * factors[:, None, None, None, None]
        return scaled.clamp(0.0, 1.0)

    def card(self) -> ImageCard:
        """What the model makes."""
        if self.gains is not None:
            return ImageCard(minimum=0.0, maximum=1.0, background=0.0, floor=_FLOOR, unit="arbitrary")
        width = self.maximum - self.minimum
        return ImageCard(
            minimum=self.minimum,
            maximum=self.maximum,
            background=self.minimum,
            floor=self.minimum + _FLOOR * width,
            unit=self.unit or "arbitrary",
            decoded=(self.minimum, self.maximum),
        )


def intensities_of(cohort: Cohort, plan: TrainingPlan, tell: Callable[[int, int], None] | None = None) -> Intensities:
    """The scaling of a data set; reads every volume once where each has a factor of its own.

    Args:
        cohort: all subjects, those that are held out too.
        plan: of the training.
        tell: told of volumes done and of all.
    """
    spec = cohort.specs["image"]
    per_volume = plan.normalise == "percentile" or (
        plan.normalise == "auto" and not cohort.manifest.synthetic and spec.unit != "HU"
    )
    gains = _gains(cohort, spec, tell) if per_volume else None
    return Intensities(minimum=spec.offset, maximum=_largest(spec), unit=spec.unit, gains=gains)


def _largest(spec: ArraySpec) -> float:
    return float(np.iinfo(spec.dtype).max * spec.scale + spec.offset)


def _gains(cohort: Cohort, spec: ArraySpec, tell: Callable[[int, int], None] | None) -> dict[str, float]:
    ids = cohort.columns(["sample_id"])["sample_id"].to_pylist()
    top = np.iinfo(spec.dtype).max
    gains = {}
    for row, one in enumerate(ids):
        stored = cohort.read(row, "image")
        body = stored[stored > 0]
        level = float(np.percentile(body, _PERCENTILE)) if body.size else 0.0
        gains[str(one)] = top / level if level > 0 else 1.0
        if tell:
            tell(row + 1, len(ids))
    return gains
