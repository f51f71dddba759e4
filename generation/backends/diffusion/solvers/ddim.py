"""DDIM without added noise (Song et al. 2021, eq. 12 with eta = 0), on a network that predicts the noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..schedules import END

if TYPE_CHECKING:
    import torch

    from ..schedules import VariancePreserving
    from .solver import Noise, Predict

__all__ = ["Ddim"]


@dataclass(frozen=True, eq=False)
class Ddim:
    """First-order steps.

    It makes modes of little variance narrower than they are: of a Gaussian with a standard deviation of 0.1, 50 steps
    give 0.070. It is here because the brain model was published with it.
    """

    schedule: VariancePreserving
    pairs: tuple[tuple[float, float], ...]

    @classmethod
    def leading(cls, schedule: VariancePreserving, count: int) -> Ddim:
        """The times of the published bundle: multiples of steps / count from the highest down to 0 (980, 960 … 0)."""
        stride = schedule.steps // count
        times = [float(number * stride) for number in reversed(range(count))]
        return cls(schedule, tuple(zip(times, [*times[1:], END], strict=True)))

    def run(self, predict: Predict, latents: torch.Tensor, noise: Noise) -> torch.Tensor:
        """See `Solver`."""
        del noise
        for time, following in self.pairs:
            alpha, sigma = self.schedule.alpha_sigma(time)
            alpha_next, sigma_next = self.schedule.alpha_sigma(following)
            epsilon = predict(latents, time)
            clean = (latents - sigma * epsilon) / alpha
            latents = alpha_next * clean + sigma_next * epsilon
        return latents
