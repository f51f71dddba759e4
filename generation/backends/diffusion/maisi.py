"""Conditions of the NV-Generate family: contrast by class, voxel spacing, body regions, classifier-free guidance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .model_card import ConditionCard

__all__ = ["Maisi", "maisi_inputs"]

_HUNDRED = 100.0
"""Spacing in mm and one-hot body regions are given times 100, as in training."""
_REGIONS = 4
_NO_CLASS = 0
"""In training, the class was replaced by 0 in a tenth of the steps; this is what guidance leads away from."""


def maisi_inputs(
    cards: Sequence[ConditionCard], rows: Sequence[Mapping[str, float | str]], spacing_mm: tuple[float, float, float]
) -> dict[str, torch.Tensor]:
    """The extra inputs of the network for a batch, on the CPU.

    Args:
        cards: of the conditions.
        rows: the conditions of each sample.
        spacing_mm: of the voxels.
    """
    # half precision is what the published inference hands over, so the rounding is part of the model
    spacing = (torch.tensor(spacing_mm, dtype=torch.float64) * _HUNDRED).half().float()
    inputs = {"spacing_tensor": spacing.expand(len(rows), -1).contiguous()}
    for card in cards:
        codes = torch.tensor([int(card.choices[str(row[card.name])]) for row in rows])
        if card.input == "class":
            inputs["class_labels"] = codes
        else:
            name = "top_region_index_tensor" if card.input == "top-region" else "bottom_region_index_tensor"
            inputs[name] = torch.nn.functional.one_hot(codes, _REGIONS).float() * _HUNDRED
    return inputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Maisi:
    """The network with its inputs bound; called as solvers do.

    Attributes:
        unet: the network.
        inputs: from `maisi_inputs`, on the device.
        guidance: 0 asks the network once; above, twice, and goes so many times as far from "no class" to the class.
    """

    unet: Callable[..., torch.Tensor]
    inputs: Mapping[str, torch.Tensor]
    guidance: float

    def __call__(self, latents: torch.Tensor, time: float | torch.Tensor) -> torch.Tensor:
        """What the network predicts for latents `(B, C, x, y, z)` at a time."""
        if not self.guidance:
            return self.unet(latents, timesteps=self._times(latents, time), **self.inputs)
        doubled = {name: torch.cat((each, each)) for name, each in self.inputs.items()}
        doubled["class_labels"] = torch.cat(
            (self.inputs["class_labels"], torch.full_like(self.inputs["class_labels"], _NO_CLASS))
        )
        both = torch.cat((latents, latents))
        wanted, without = self.unet(both, timesteps=self._times(both, time), **doubled).chunk(2)
        return without + self.guidance * (wanted - without)

    @staticmethod
    def _times(latents: torch.Tensor, time: float | torch.Tensor) -> torch.Tensor:
        return latents.new_zeros(latents.shape[0]) + time
