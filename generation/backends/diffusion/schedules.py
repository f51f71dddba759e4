"""Noise schedules in float64: how much signal and noise a latent holds at each time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .model_card import ScheduleCard

__all__ = ["END", "VariancePreserving", "shifted_times", "variance_preserving"]

END = -1.0
"""The time after time 0: all signal, no noise."""


@dataclass(frozen=True, eq=False)
class VariancePreserving:
    """x_t = alpha(t)·x_0 + sigma(t)·noise, with alpha² + sigma² = 1 (Ho et al. 2020).

    Attributes:
        alpha_bar: product of all 1 − beta up to each time, `(steps,)`.
    """

    alpha_bar: NDArray[np.float64]

    @property
    def steps(self) -> int:
        """Times of training: 0 to steps − 1."""
        return int(self.alpha_bar.size)

    def alpha_sigma(self, time: float) -> tuple[float, float]:
        """Share of signal and of noise; between whole times, log signal-to-noise is linear; `END` is without noise."""
        if time == END:
            return 1.0, 0.0
        half_log_snr = float(np.interp(time, np.arange(self.steps), self._lambdas))
        alpha_bar = 1 / (1 + np.exp(-2 * half_log_snr))
        return float(np.sqrt(alpha_bar)), float(np.sqrt(1 - alpha_bar))

    def lambda_of(self, time: float) -> float:
        """log(alpha / sigma)."""
        return float(np.interp(time, np.arange(self.steps), self._lambdas))

    def times_of(self, lambdas: NDArray[np.float64]) -> NDArray[np.float64]:
        """The times at which log(alpha / sigma) has these values."""
        known = self._lambdas
        return np.interp(-lambdas, -known, np.arange(self.steps, dtype=np.float64))

    @cached_property
    def _lambdas(self) -> NDArray[np.float64]:
        return 0.5 * np.log(self.alpha_bar / (1 - self.alpha_bar))


def variance_preserving(card: ScheduleCard) -> VariancePreserving:
    """The schedule of a card whose square roots of beta are equally spaced."""
    assert card.beta_start is not None
    assert card.beta_end is not None
    betas = np.linspace(card.beta_start**0.5, card.beta_end**0.5, card.steps) ** 2
    return VariancePreserving(np.cumprod(1 - betas, dtype=np.float64))


def shifted_times(count: int, *, steps: int, voxels: int, base_voxels: int) -> NDArray[np.float64]:
    """Times of rectified flow from `steps` down, `(count,)`: more of them at noisy times for larger latents.

    The shift is that of MONAI's `RFlowScheduler` with ``use_timestep_transform``: t → r·t / (1 + (r − 1)·t), where r is
    the ratio of sides.
    """
    t = 1 - np.arange(count, dtype=np.float64) / count
    ratio = float((voxels / base_voxels) ** (1 / 3))
    times: NDArray[np.float64] = ratio * t / (1 + (ratio - 1) * t) * steps
    return times
