"""A discriminator of patches, against blur: the autoencoder learns to fool it (least-squares GAN, Mao et al. 2017)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from .stage import set_rate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .checkpoints import Stateful
    from .plan import AutoencoderPlan

__all__ = ["Adversary"]

_MOST_LAYERS = 3
_LEFT = 4
"""Voxels a side that are left after the halvings, at least: norms of an instance need more than one."""
_CHANNELS = 32


class Adversary:
    """The discriminator with its optimiser.

    Args:
        plan: of the autoencoder.
        side: the shortest of a volume or patch.
        accelerator: of Accelerate.
        seed: of its first weights.
    """

    def __init__(self, plan: AutoencoderPlan, side: int, accelerator: Any, seed: int) -> None:
        from monai.losses import PatchAdversarialLoss
        from monai.networks.nets import PatchDiscriminator

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self._network = PatchDiscriminator(
                spatial_dims=3,
                num_layers_d=max(1, min(_MOST_LAYERS, int(math.log2(side / _LEFT)))),
                channels=_CHANNELS,
                in_channels=1,
                out_channels=1,
                # statistics of a batch would tell the processes of a training apart
                norm="INSTANCE",
            )
        optimizer = torch.optim.AdamW(self._network.parameters(), lr=plan.learning_rate, weight_decay=0.0, fused=True)
        self._accelerator = accelerator
        self._ready, self._optimizer = accelerator.prepare(self._network, optimizer)
        self._loss = PatchAdversarialLoss(criterion="least_squares")

    def parts(self) -> Mapping[str, Stateful]:
        """Of a checkpoint."""
        return {"discriminator": self._network, "discriminator_optimizer": self._optimizer}

    def fooled(self, made: torch.Tensor) -> torch.Tensor:
        """How far it is from taking these for real: a loss of the autoencoder."""
        with self._accelerator.autocast():
            judged = self._network(made)[-1]
        loss: torch.Tensor = self._loss(judged.float(), target_is_real=True, for_discriminator=False)
        return loss

    def learn(self, real: torch.Tensor, made: torch.Tensor, rate: float) -> torch.Tensor:
        """One step of its own; gives its loss."""
        set_rate(self._optimizer, rate)
        self._optimizer.zero_grad()
        with self._accelerator.autocast():
            of_made, of_real = self._ready(made)[-1], self._ready(real)[-1]
        loss = 0.5 * (
            self._loss(of_made.float(), target_is_real=False, for_discriminator=True)
            + self._loss(of_real.float(), target_is_real=True, for_discriminator=True)
        )
        self._accelerator.backward(loss)
        self._optimizer.step()
        told: torch.Tensor = loss.detach()
        return told
