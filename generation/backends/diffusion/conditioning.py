"""Conditions as the networks want them, and the network as the solvers want it.

The brain model is given its four conditions twice at every step: as the one token of its cross-attention, and as four
constant channels beside the latent. MONAI's `LatentDiffusionInferer` does one or the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from ...backend import Condition

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .model_card import ConditionCard

__all__ = ["REACH", "both_ways", "declare", "encode", "is_extrapolated"]

REACH = (-0.5, 1.9)
"""How far the authors went outside the range of training, which is 0 to 1 (Pinaya et al. 2022); beyond, nothing is
known, and in it little."""


def declare(cards: Sequence[ConditionCard], *, extrapolate: bool) -> tuple[Condition, ...]:
    """The conditions of a backend.

    Args:
        cards: of the model.
        extrapolate: numbers may be ordered outside the range of training, as far as `REACH`.
    """
    return tuple(_condition(card, extrapolate=extrapolate) for card in cards)


def encode(card: ConditionCard, value: float | str) -> float:
    """What the network gets for a value; 0 and 1 are the ends of the range that it was trained on."""
    if card.kind == "category":
        return card.choices[str(value)]
    assert card.low is not None
    assert card.high is not None
    return (float(value) - card.low) / (card.high - card.low)


def is_extrapolated(cards: Sequence[ConditionCard], conditions: Mapping[str, float | str]) -> bool:
    """Whether any number lies outside the range of training."""
    return any(card.kind == "number" and not 0 <= encode(card, conditions[card.name]) <= 1 for card in cards)


@dataclass(frozen=True, slots=True, kw_only=True)
class _BothWays:
    unet: Callable[..., torch.Tensor]
    vector: torch.Tensor

    def __call__(self, latents: torch.Tensor, time: float | torch.Tensor) -> torch.Tensor:
        maps = self.vector[:, :, None, None, None].expand(-1, -1, *latents.shape[2:])
        times = latents.new_zeros(latents.shape[0]) + time
        return self.unet(torch.cat((latents, maps), 1), timesteps=times, context=self.vector[:, None, :])


def both_ways(
    unet: Callable[..., torch.Tensor], vector: torch.Tensor
) -> Callable[[torch.Tensor, float | torch.Tensor], torch.Tensor]:
    """The network with its conditions, `(B, k)` float32, bound: by cross-attention and as channels."""
    return _BothWays(unet=unet, vector=vector)


def _condition(card: ConditionCard, *, extrapolate: bool) -> Condition:
    common: dict[str, Any] = {"name": card.name, "meaning": card.meaning, "default": card.default}
    if card.kind == "category":
        return Condition(kind="category", choices=tuple(card.choices), **common)
    assert card.low is not None
    assert card.high is not None
    low, high = card.low, card.high
    if extrapolate:
        width = high - low
        # an age or a volume below 0 is no extrapolation
        low, high = max(low + REACH[0] * width, 0.0), low + REACH[1] * width
    return Condition(kind="number", unit=card.unit, minimum=low, maximum=high, decimals=card.decimals, **common)
