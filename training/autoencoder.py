"""First stage: an autoencoder that turns volumes into small latents and back."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ..generation.backends.diffusion.packing import depth_to_space, space_to_depth
from ..generation.streams import stream_key
from .adversary import Adversary
from .architecture import latent_factor
from .stage import LearningRate, set_rate, step_generator
from .volumes import EndlessVolumes, volumes_in_order

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..store import Cohort
    from .checkpoints import Stateful
    from .intensities import Intensities
    from .plan import TrainingPlan

    Look = Callable[[int, torch.Tensor, torch.Tensor], None]

__all__ = ["AutoencoderStage", "Reconstruction"]

_LOOKED_AT = 8
_CLIP = 1.0


class Reconstruction(nn.Module):
    """An autoencoder with its packing, as one module whose randomness comes from outside.

    Args:
        network: MONAI's `AutoencoderKL`.
        packing: space-to-depth side.
    """

    def __init__(self, network: Any, packing: int) -> None:
        super().__init__()
        self.network, self.packing = network, packing

    def forward(self, volumes: torch.Tensor, noise: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """What comes back of volumes `(B, 1, x, y, z)`, and mean and deviation of their latents."""
        mean, deviation = self.encode(volumes)
        return self.decode(mean + noise * deviation), mean, deviation

    def encode(self, volumes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and deviation of latents, each `(B, C, …)`."""
        mean, deviation = self.network.encode(space_to_depth(volumes, self.packing))
        return mean, deviation

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Volumes of latents."""
        return depth_to_space(self.network.decode(latents), self.packing)


class AutoencoderStage:
    """See `stage.Stage`.

    Args:
        plan: of the training.
        network: MONAI's `AutoencoderKL`, to be trained.
        train, held_out: cohorts.
        intensities: scaling.
        accelerator: of Accelerate.
        look: given the step, held-out volumes and what came back of them, now and then.
    """

    name = "autoencoder"

    def __init__(
        self,
        plan: TrainingPlan,
        network: Any,
        *,
        train: Cohort,
        held_out: Cohort,
        intensities: Intensities,
        accelerator: Any,
        look: Look | None = None,
    ) -> None:
        own = plan.autoencoder
        self.steps, self._plan, self._seed = own.steps, own, plan.seed
        self._accelerator, self._look = accelerator, look
        self._rate = LearningRate(highest=own.learning_rate, steps=own.steps)
        self.model = Reconstruction(network, own.packing)
        optimizer = torch.optim.AdamW(self.model.parameters(), lr=own.learning_rate, weight_decay=0.0, fused=True)
        self._ready, self._optimizer = accelerator.prepare(self.model, optimizer)
        self._adversary = None
        if own.adversarial_weight:
            side = min(own.patch or train.specs["image"].shape)
            self._adversary = Adversary(own, side, accelerator, seed=stream_key(plan.seed, "adversary", bits=64) >> 1)
        batch = own.batch_size // accelerator.num_processes
        self._volumes = EndlessVolumes(
            train,
            intensities,
            batch_size=max(1, batch),
            patch=own.patch,
            seed=stream_key(plan.seed, "volumes", bits=64),
            rank=accelerator.process_index,
            world_size=accelerator.num_processes,
        )
        some = held_out.select(slice(_LOOKED_AT))
        self._held_out = torch.cat(list(volumes_in_order(some, intensities, 1)))

    def parts(self) -> Mapping[str, Stateful]:
        """See `Stage`."""
        parts: dict[str, Stateful] = {"model": self.model, "optimizer": self._optimizer, "volumes": self._volumes}
        return parts if self._adversary is None else {**parts, **self._adversary.parts()}

    def step(self, number: int) -> Mapping[str, torch.Tensor]:
        """One step of the autoencoder, and one of the discriminator where there is one."""
        set_rate(self._optimizer, self._rate.at(number))
        volumes = next(self._volumes).to(self._accelerator.device, non_blocking=True)
        noise = self._noise(number, volumes)
        with self._accelerator.autocast():
            made, mean, deviation = self._ready(volumes, noise)
        made, mean, deviation = made.float(), mean.float(), deviation.float()
        l1, squared = (made - volumes).abs().mean(), (made - volumes).square().mean()
        divergence = 0.5 * (mean**2 + deviation**2 - 2 * deviation.log() - 1).mean()
        loss = l1 + self._plan.squared_weight * squared + self._plan.kl_weight * divergence
        figures = {"l1": l1, "squared": squared, "kl": divergence}
        adversary = self._adversary if number >= self._plan.adversarial_after * self.steps else None
        if adversary is not None:
            fooled = adversary.fooled(made)
            loss = loss + self._plan.adversarial_weight * fooled
            figures["fooled"] = fooled
        self._optimizer.zero_grad()
        self._accelerator.backward(loss)
        self._accelerator.clip_grad_norm_(self.model.parameters(), _CLIP)
        self._optimizer.step()
        if adversary is not None:
            figures["told_apart"] = adversary.learn(volumes, made.detach(), self._rate.at(number))
        return figures | {"loss": loss.detach()}

    def look(self, number: int) -> Mapping[str, float]:
        """Held-out volumes, there and back."""
        device = self._accelerator.device
        with torch.no_grad():
            pairs = [self.model.encode(one[None].to(device))[0] for one in self._held_out]
            made = torch.cat([self.model.decode(latent).float().cpu() for latent in pairs])
        if self._look:
            self._look(number, self._held_out, made)
        error = float((made.clamp(0, 1) - self._held_out).square().mean())
        return {"held_out_psnr_db": float("inf") if error == 0 else -10 * math.log10(error)}

    def _noise(self, number: int, volumes: torch.Tensor) -> torch.Tensor:
        factor = latent_factor(self._plan)
        shape = (len(volumes), self._plan.latent_channels, *(side // factor for side in volumes.shape[2:]))
        generator = step_generator(self._seed, self.name, number, self._accelerator.process_index)
        return torch.randn(shape, generator=generator).to(volumes.device)
