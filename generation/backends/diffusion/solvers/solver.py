"""What a solver is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    Predict = Callable[[torch.Tensor, float], torch.Tensor]
    """(latents, time) → what the network gives, all `(B, C, x, y, z)` float32."""

    Noise = Callable[[int], torch.Tensor]
    """Number of a step → fresh standard normal latents for it."""

__all__ = ["Solver"]


class Solver(Protocol):
    """A plan of steps; immutable."""

    @property
    def pairs(self) -> tuple[tuple[float, float], ...]:
        """(t, t_next) of every step in order."""
        ...

    def run(self, predict: Predict, latents: torch.Tensor, noise: Noise) -> torch.Tensor:
        """Takes all steps.

        Args:
            predict: the network, conditions included.
            latents: initial noise, `(B, C, x, y, z)` float32.
            noise: for solvers that add noise on the way.
        """
        ...
