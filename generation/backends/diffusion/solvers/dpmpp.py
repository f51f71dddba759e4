"""DPM-Solver++(2M) (Lu et al. 2022, algorithm 2), on a network that predicts the noise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..schedules import END

if TYPE_CHECKING:
    import torch

    from ..schedules import VariancePreserving
    from .solver import Noise, Predict

__all__ = ["DpmPlusPlus2M"]


@dataclass(frozen=True, eq=False)
class DpmPlusPlus2M:
    """Second-order multistep steps at times of equally spaced log signal-to-noise.

    The last step goes to `END`, where its limit is the clean latent that the network sees. Times are not whole; the
    networks take any, since they embed them by sines.
    """

    schedule: VariancePreserving
    pairs: tuple[tuple[float, float], ...]

    @classmethod
    def uniform(cls, schedule: VariancePreserving, count: int) -> DpmPlusPlus2M:
        """So many steps from the noisiest time of training to 0, and out to `END`."""
        lambdas = np.linspace(schedule.lambda_of(schedule.steps - 1), schedule.lambda_of(0), count)
        times = [round(float(time), 6) for time in schedule.times_of(lambdas)]
        return cls(schedule, tuple(zip(times, [*times[1:], END], strict=True)))

    def run(self, predict: Predict, latents: torch.Tensor, noise: Noise) -> torch.Tensor:
        """See `Solver`."""
        del noise
        before: tuple[torch.Tensor, float] | None = None
        for time, following in self.pairs:
            alpha, sigma = self.schedule.alpha_sigma(time)
            clean = (latents - sigma * predict(latents, time)) / alpha
            if following == END:
                return clean
            alpha_next, sigma_next = self.schedule.alpha_sigma(following)
            step = self.schedule.lambda_of(following) - self.schedule.lambda_of(time)
            slope = clean
            if before is not None:
                ratio = before[1] / step
                slope = clean + (clean - before[0]) / (2 * ratio)
            latents = (sigma_next / sigma) * latents - alpha_next * math.expm1(-step) * slope
            before = (clean, step)
        return latents
