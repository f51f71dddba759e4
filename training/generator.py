"""Second stage: the network that makes latents, as its conditions say."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from ..generation.streams import stream_key
from .objectives import objective_of
from .stage import LearningRate, set_rate, step_generator

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from .checkpoints import Stateful
    from .latents import Latents
    from .plan import TrainingPlan

__all__ = ["GeneratorStage", "rows_of_step"]

_CLIP = 1.0


class GeneratorStage:
    """See `stage.Stage`.

    Args:
        plan: of the training.
        network: MONAI's `DiffusionModelUNet`, to be trained.
        latents: of the training volumes, standardised.
        vectors: their conditions, `(n, k)`.
        accelerator: of Accelerate.
        look: given the step and the averaged network, now and then; gives figures.
    """

    name = "generator"

    def __init__(
        self,
        plan: TrainingPlan,
        network: Any,
        *,
        latents: Latents,
        vectors: NDArray[np.float32],
        accelerator: Any,
        look: Callable[[int, Any], Mapping[str, float]] | None = None,
    ) -> None:
        own = plan.generator
        self.steps, self._plan, self._seed = own.steps, own, plan.seed
        self._latents, self._vectors = latents, torch.from_numpy(vectors)
        self._accelerator, self._look = accelerator, look
        self._rate = LearningRate(highest=own.learning_rate, steps=own.steps)
        self._objective = objective_of(own)
        optimizer = torch.optim.AdamW(network.parameters(), lr=own.learning_rate, weight_decay=0.0, fused=True)
        self._network = network
        self._ready, self._optimizer = accelerator.prepare(network, optimizer)
        average: Any = get_ema_multi_avg_fn  # which has no types
        self.average = AveragedModel(network, multi_avg_fn=average(own.ema))

    def parts(self) -> Mapping[str, Stateful]:
        """See `Stage`."""
        return {"network": self._network, "optimizer": self._optimizer, "average": self.average}

    def step(self, number: int) -> Mapping[str, torch.Tensor]:
        """One step, and one of the average."""
        set_rate(self._optimizer, self._rate.at(number))
        rank, processes = self._accelerator.process_index, self._accelerator.num_processes
        generator = step_generator(self._seed, self.name, number, rank)
        batch = self._plan.batch_size // processes * processes or processes
        rows = rows_of_step(self._seed, number, len(self._vectors), batch)[rank::processes]
        latents = self._latents.draw(rows, generator)
        noise = torch.randn(latents.shape, generator=generator)
        kept = (torch.rand(len(rows), 1, generator=generator) >= self._plan.condition_dropout).float()
        vectors = self._vectors[rows] * kept
        mixed = self._objective.mix(latents, noise, generator)
        loss = self._loss(*(each.to(self._accelerator.device, non_blocking=True) for each in (*mixed, vectors)))
        self._optimizer.zero_grad()
        self._accelerator.backward(loss)
        self._accelerator.clip_grad_norm_(self._network.parameters(), _CLIP)
        self._optimizer.step()
        self.average.update_parameters(self._network)
        return {"loss": loss.detach()}

    def look(self, number: int) -> Mapping[str, float]:
        """Samples of the average."""
        return self._look(number, self.average.module) if self._look else {}

    def _loss(
        self, noised: torch.Tensor, times: torch.Tensor, target: torch.Tensor, vectors: torch.Tensor
    ) -> torch.Tensor:
        maps = vectors[:, :, None, None, None].expand(-1, -1, *noised.shape[2:])
        with self._accelerator.autocast():
            predicted = self._ready(torch.cat((noised, maps), 1), timesteps=times, context=vectors[:, None, :])
        loss: torch.Tensor = (predicted.float() - target).square().mean()
        return loss


def rows_of_step(seed: int, step: int, rows: int, batch: int) -> NDArray[np.int64]:
    """Which rows are trained on in a step: each once an epoch, in an order of its own. Pure.

    Args:
        seed: of the training.
        step: from 0.
        rows: of the training set.
        batch: of all processes together.
    """
    places = np.arange(step * batch, (step + 1) * batch, dtype=np.int64)
    return np.array([_order(seed, int(place) // rows, rows)[place % rows] for place in places], dtype=np.int64)


@lru_cache(maxsize=4)
def _order(seed: int, epoch: int, rows: int) -> NDArray[np.int64]:
    return np.random.default_rng(stream_key(seed, f"epoch/{epoch}")).permutation(rows)
