"""What is tried with the loaded weights on the device before anything is made.

Two questions: does the fast path compute what MONAI's plain network computes, and does a sample come out the same in
another slot of a batch beside other neighbours? Neither can be taken for granted on a device that nobody has tried:
cuDNN has had kernels that were wrong in bfloat16 for large shapes only (pytorch#163539).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import torch

from ...backend import Order
from .fast.slots_apart import keep_slots_apart
from .noise import initial_noise

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from .engine import Engine

__all__ = ["TOLERANCE", "Difference", "compare_engines", "is_slot_invariant", "keep_apart"]

TOLERANCE: Final = {"fp32": 1e-3, "bf16": 6e-2}
"""Largest root-mean-square error relative to the plain float32 network. Rounding gives about 1e-6 and 1e-2; a wrong
kernel gives about 1."""
_TIME_SHARE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Relative root-mean-square errors of one prediction and of one decoded image."""

    unet: float
    autoencoder: float

    def within(self, tolerance: float) -> bool:
        """Whether both are small; what is not a number is not."""
        return self.unet <= tolerance and self.autoencoder <= tolerance


def compare_engines(made: Engine, plain: Engine, conditions: Mapping[str, float | str]) -> Difference:
    """How far an engine is from the plain float32 one on the same latent.

    Args:
        made: under test, with a batch of its own size.
        plain: of the same model.
        conditions: of one order.
    """
    order = Order(index=0, attempt=0, seed=1, conditions=conditions)
    outputs = []
    for engine in (made, plain):
        latents = _latents(engine, [order] * engine.micro_batch)
        predicted = _predict(engine, latents, [order] * engine.micro_batch)
        decoded = engine.networks.autoencoder.decode(latents[: engine.decode_batch] / engine.networks.scale_factor)
        outputs.append((predicted[0].float(), decoded[0].float()))
    (unet, image), (wanted_unet, wanted_image) = outputs
    return Difference(unet=_relative(unet, wanted_unet), autoencoder=_relative(image, wanted_image))


def keep_apart(engine: Engine, conditions: Mapping[str, float | str]) -> int:
    """Replaces what lets slots of a batch see each other, before anything is computed; gives how many convolutions."""
    if engine.micro_batch == 1:
        return 0
    orders = [Order(index=0, attempt=0, seed=1, conditions=conditions)] * engine.micro_batch
    latents = _latents(engine, orders)
    predict, context = engine.predictor([order.conditions for order in orders], _maps(engine, orders), recorded=False)
    with context:
        changed = keep_slots_apart(
            engine.networks.unet, lambda: predict(latents, _TIME_SHARE * engine.card.schedule.steps)
        )
    if engine.decode_batch > 1:
        autoencoder, some = engine.networks.autoencoder, latents[: engine.decode_batch] / engine.networks.scale_factor
        changed += keep_slots_apart(autoencoder, lambda: autoencoder.decode(some))
    return changed


def is_slot_invariant(engine: Engine, conditions: Mapping[str, float | str]) -> bool:
    """Whether a sample has the same bits wherever it is.

    That is a latent in every slot of a batch, and it and its image in the first slot and in the last, beside other
    neighbours.
    """
    if engine.micro_batch == 1:
        return True
    one, *others = (Order(index=i, attempt=0, seed=i + 1, conditions=conditions) for i in range(2 * engine.micro_batch))
    first = [one, *others[: engine.micro_batch - 1]]
    last = [*others[engine.micro_batch - 1 : 2 * engine.micro_batch - 2], one]
    made = []
    for orders, slot in ((first, 0), (last, -1)):
        latents = _latents(engine, orders)
        predicted = _predict(engine, latents, orders)
        chosen = latents[: engine.decode_batch] if slot == 0 else latents[-engine.decode_batch :]
        made.append((predicted[slot], engine.lattice(chosen)[0][slot]))
    (a, b), (c, d) = made
    alike = [one] * engine.micro_batch
    everywhere = _predict(engine, _latents(engine, alike), alike)
    return bool(torch.equal(a, c) and torch.equal(b, d) and all(torch.equal(a, each) for each in everywhere))


def _latents(engine: Engine, orders: list[Order]) -> torch.Tensor:
    noise = [torch.from_numpy(initial_noise(order.seed, engine.latent_shape)) for order in orders]
    return torch.stack(noise).to(engine.device)


def _predict(engine: Engine, latents: torch.Tensor, orders: list[Order]) -> torch.Tensor:
    predict, context = engine.predictor([order.conditions for order in orders], _maps(engine, orders))
    with context:
        return predict(latents, _TIME_SHARE * engine.card.schedule.steps)


def _maps(engine: Engine, orders: list[Order]) -> list[NDArray[np.uint8]]:
    """Label maps that stand for real ones: any values, others for another seed; none where nothing is steered."""
    if engine.networks.controlnet is None:
        return []
    values = np.arange(np.prod(engine.grid.shape), dtype=np.uint64).reshape(engine.grid.shape)
    return [(values * (2 * order.seed + 1) >> 3).astype(np.uint8) for order in orders]


def _relative(value: torch.Tensor, wanted: torch.Tensor) -> float:
    return float((value - wanted).square().mean().sqrt() / wanted.square().mean().sqrt().clamp_min(1e-12))
