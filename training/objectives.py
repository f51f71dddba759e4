"""What the generator learns: to tell the data, or the noise, from a mixture of both. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import torch

from ..generation.backends.diffusion.model_card import ScheduleCard
from ..generation.backends.diffusion.schedules import variance_preserving

if TYPE_CHECKING:
    from .plan import GeneratorPlan

__all__ = ["Diffusion", "Mixed", "Objective", "RectifiedFlow", "objective_of"]

_STEPS = 1000


class Mixed(NamedTuple):
    """Training examples.

    Attributes:
        noised: `(B, C, x, y, z)`, what the network is given.
        times: `(B,)`, in units of training steps.
        target: `(B, C, x, y, z)`, what it should give.
    """

    noised: torch.Tensor
    times: torch.Tensor
    target: torch.Tensor


class Objective(Protocol):
    """A way to mix data and noise."""

    schedule: ScheduleCard

    def mix(self, latents: torch.Tensor, noise: torch.Tensor, generator: torch.Generator) -> Mixed:
        """Examples of latents `(B, C, x, y, z)`; times are drawn from the generator."""
        ...


class RectifiedFlow:
    """x_t = (1 − t)·data + t·noise; the network gives the velocity, data − noise (Liu et al. 2023).

    Args:
        times: `uniform`, or `logit-normal`: t = 1 / (1 + exp(−n)) with a standard normal n (Esser et al. 2024).
    """

    def __init__(self, times: str) -> None:
        self._times = times
        self.schedule = ScheduleCard(kind="rectified-flow", steps=_STEPS, prediction="velocity")

    def mix(self, latents: torch.Tensor, noise: torch.Tensor, generator: torch.Generator) -> Mixed:
        """See `Objective`."""
        count = len(latents)
        if self._times == "uniform":
            share = torch.rand(count, generator=generator)
        else:
            share = torch.sigmoid(torch.randn(count, generator=generator))
        share = share.to(latents.device)
        t = share[:, None, None, None, None]
        return Mixed(noised=(1 - t) * latents + t * noise, times=share * _STEPS, target=latents - noise)


class Diffusion:
    """x_t = alpha·data + sigma·noise at a time of the schedule of Pinaya et al. 2022; the network gives the noise."""

    def __init__(self) -> None:
        self.schedule = ScheduleCard(
            kind="scaled_linear", steps=_STEPS, beta_start=0.0015, beta_end=0.0205, prediction="epsilon"
        )
        self._alpha_bar = torch.from_numpy(variance_preserving(self.schedule).alpha_bar)

    def mix(self, latents: torch.Tensor, noise: torch.Tensor, generator: torch.Generator) -> Mixed:
        """See `Objective`."""
        times = torch.randint(_STEPS, (len(latents),), generator=generator)
        alpha_bar = self._alpha_bar[times].float().to(latents.device)[:, None, None, None, None]
        noised = alpha_bar.sqrt() * latents + (1 - alpha_bar).sqrt() * noise
        return Mixed(noised=noised, times=times.float().to(latents.device), target=noise)


def objective_of(plan: GeneratorPlan) -> Objective:
    """The objective that a plan names."""
    return RectifiedFlow(plan.times) if plan.method == "rectified-flow" else Diffusion()
