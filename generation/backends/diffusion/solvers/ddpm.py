"""DDPM (Ho et al. 2020, eq. 7): the stochastic steps that the model was trained for, with the smaller variance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..schedules import END

if TYPE_CHECKING:
    import torch

    from ..schedules import VariancePreserving
    from .solver import Noise, Predict

__all__ = ["Ddpm"]


@dataclass(frozen=True, eq=False)
class Ddpm:
    """Ancestral sampling; with pairs that leave times out, of the chain that is left."""

    schedule: VariancePreserving
    pairs: tuple[tuple[float, float], ...]

    @classmethod
    def leading(cls, schedule: VariancePreserving, count: int) -> Ddpm:
        """Multiples of steps / count from the highest down to 0; all of them where count is the steps of training."""
        stride = schedule.steps // count
        times = [float(number * stride) for number in reversed(range(count))]
        return cls(schedule, tuple(zip(times, [*times[1:], END], strict=True)))

    def run(self, predict: Predict, latents: torch.Tensor, noise: Noise) -> torch.Tensor:
        """See `Solver`."""
        for number, (time, following) in enumerate(self.pairs):
            alpha, sigma = self.schedule.alpha_sigma(time)
            alpha_next, sigma_next = self.schedule.alpha_sigma(following)
            clean = (latents - sigma * predict(latents, time)) / alpha
            kept = alpha / alpha_next
            beta = 1 - kept**2
            latents = (alpha_next * beta / sigma**2) * clean + (kept * sigma_next**2 / sigma**2) * latents
            if following != END:
                latents = latents + math.sqrt(beta) * (sigma_next / sigma) * noise(number)
        return latents
