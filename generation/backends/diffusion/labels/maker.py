"""Makes the label map of an order: a latent from noise and sizes, decoded, tidied and laid on the grid."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..fast.decoding import decode
from ..noise import standard_normal
from .regions import REGION_INPUTS, region_conditions, region_span
from .resampling import onto_grid
from .sizes import ordered_tumor, size_vector
from .tidying import tidied

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ....backend import Grid, Order
    from ..model_card import ModelCard
    from ..solvers import Solver
    from .card import LabelCard

__all__ = ["LabelMaker", "LabelMap"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelMap:
    """The label map of one sample.

    Attributes:
        values: `(x, y, z)` of the grid, uint8, before any axis is reversed.
        conditions: what the image is told of it besides: its body regions, for models that have such conditions.
        faults: as of `backend.Sample`: ``NONFINITE``; ``UNREACHED`` where an ordered tumor is not in it, or no body
            region that the model must be told of. NV-Generate ends with an error there.
    """

    values: NDArray[np.uint8]
    conditions: Mapping[str, str] = field(default_factory=dict)
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelMaker:
    """The mask generator; a label map is f(order), because each is made alone.

    As NV-Generate's first mask model in `ldm_conditional_sample_one_mask` (generation/maisi/scripts/sample.py of
    MONAI's tutorials), but for the noise and for the softmax before argmax, which changes nothing.

    Attributes:
        card: of the labels.
        model: card of the model that makes the image.
        unet, autoencoder: of the mask generator, in float32 on the device.
        scale_factor: latents are divided by it before they are decoded.
        solver: steps.
        grid: of the data set.
        device: of the networks.
    """

    card: LabelCard
    model: ModelCard
    unet: Any
    autoencoder: Any
    scale_factor: float
    solver: Solver
    grid: Grid
    device: torch.device

    def make(self, order: Order) -> LabelMap:
        """The label map of an order, whose conditions have a size of everything in `card.sizes`."""
        card = self.card
        latent = self._latent(order)
        logits = decode(self.autoencoder, latent / self.scale_factor, card.decoding)
        classes = logits[0].argmax(0).cpu().numpy()
        named = np.array([value for value, _ in card.classes], dtype=np.uint8)
        tumor = ordered_tumor(card.sizes, order.conditions)
        values = onto_grid(tidied(named[classes], tumor), card.spacing_mm, self.grid)
        return self._judged(values, tumor, finite=bool(torch.isfinite(latent).all()))

    def _latent(self, order: Order) -> torch.Tensor:
        shape = (self.card.latent.channels, *self.card.sides)
        context = size_vector(self.card.sizes, order.conditions).to(self.device)

        def noise(stream: str) -> torch.Tensor:
            return torch.from_numpy(standard_normal(order.seed, f"mask/{stream}", shape))[None].to(self.device)

        def predict(latents: torch.Tensor, time: float | torch.Tensor) -> torch.Tensor:
            predicted: torch.Tensor = self.unet(latents, timesteps=latents.new_zeros(1) + time, context=context)
            return predicted

        return self.solver.run(predict, noise("latent"), lambda step: noise(f"step/{step}"))

    def _judged(self, values: NDArray[np.uint8], tumor: int | None, *, finite: bool) -> LabelMap:
        missing = tumor is not None and not (values == tumor).any()
        told: Mapping[str, str] = {}
        if any(card.input in REGION_INPUTS for card in self.model.conditions):
            span = region_span(values, self.card.regions)
            told = region_conditions(self.model.conditions, span or (0, 0))
            missing = missing or span is None
        faults = [code for code, found in (("NONFINITE", not finite), ("UNREACHED", missing)) if found]
        return LabelMap(values=values, conditions=told, faults=tuple(faults))
