"""Euler steps of rectified flow (Liu et al. 2023), on a network that predicts the velocity, data minus noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..schedules import shifted_times

if TYPE_CHECKING:
    import torch

    from .solver import Noise, Predict

__all__ = ["Euler"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Euler:
    """Straight steps from time `steps` (noise) to time 0 (data).

    Attributes:
        pairs: (t, t_next) in units of training steps.
        steps: of training.
    """

    pairs: tuple[tuple[float, float], ...]
    steps: int

    @classmethod
    def shifted(cls, count: int, *, steps: int, voxels: int, base_voxels: int) -> Euler:
        """Exact times: the steps add up to 1."""
        times = shifted_times(count, steps=steps, voxels=voxels, base_voxels=base_voxels).tolist()
        return cls(pairs=tuple(zip(times, [*times[1:], 0.0], strict=True)), steps=steps)

    @classmethod
    def as_monai(cls, count: int, *, steps: int, voxels: int, base_voxels: int) -> Euler:
        """The times of MONAI's `RFlowScheduler`, to compare with NV-Generate: float16, the next one cut to a whole."""
        times = shifted_times(count, steps=steps, voxels=voxels, base_voxels=base_voxels).astype(np.float16).tolist()
        return cls(pairs=tuple(zip(times, [*map(float, map(int, times[1:])), 0.0], strict=True)), steps=steps)

    def run(self, predict: Predict, latents: torch.Tensor, noise: Noise) -> torch.Tensor:
        """See `Solver`."""
        del noise
        for time, following in self.pairs:
            latents = latents + predict(latents, time) * ((time - following) / self.steps)
        return latents
