"""Conditions as the networks want them, and the network as the solvers want it.

The brain model is given its four conditions twice at every step: as the one token of its cross-attention, and as four
constant channels beside the latent. MONAI's `LatentDiffusionInferer` does one or the other. Models of `voxpress train`
have it likewise, but with flags, so that "no conditions" is a vector of its own that no order gives.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from ...backend import Condition

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .model_card import ConditionCard

    Predict = Callable[[torch.Tensor, float | torch.Tensor], torch.Tensor]

__all__ = ["REACH", "both_ways", "declare", "encode", "flagged", "guided", "is_extrapolated", "with_null"]

REACH = (-0.5, 1.9)
"""How far the authors went outside the range of training, which is 0 to 1 (Pinaya et al. 2022); beyond, nothing is
known, and in it little."""
_CALIBRATED_REACH = (-0.25, 1.25)
"""How far calibration may lead outside the range of training, where the network has seen nothing."""


def declare(cards: Sequence[ConditionCard], *, extrapolate: bool) -> tuple[Condition, ...]:
    """The conditions of a backend.

    Args:
        cards: of the model.
        extrapolate: numbers may be ordered outside the range of training, as far as `REACH`.
    """
    return tuple(_condition(card, extrapolate=extrapolate) for card in cards)


def encode(card: ConditionCard, value: float | str, *, calibrate: bool = False) -> float:
    """What the network gets for a value; 0 and 1 are the ends of the range that it was trained on.

    Args:
        card: of the condition.
        value: in its unit.
        calibrate: ask for what made this value come out on average, where the card has a curve.
    """
    if card.kind == "category":
        return card.choices[str(value)]
    plain = _share(card, float(value))
    if not calibrate or not card.calibration:
        return plain
    low, high = _CALIBRATED_REACH
    # an order that is itself outside is not pulled back
    return min(max(_share(card, _asked(card.calibration, float(value))), min(low, plain)), max(high, plain))


def flagged(
    cards: Sequence[ConditionCard], row: Mapping[str, float | str | None], *, calibrate: bool = False
) -> list[float]:
    """The vector of one sample, as `model_card.vector_length` counts it.

    A number gives `[x, 1]` with x from 0 to 1 over the range of training, a category one of k; both give zeros where
    there is no value, which is what the network gets for "not told". All zeros are "no conditions".

    Args:
        cards: of all conditions, in order.
        row: their values; None or missing for "not told".
        calibrate: as for `encode`.
    """
    vector: list[float] = []
    for card in cards:
        value = row.get(card.name)
        if card.kind == "number":
            vector += [0.0, 0.0] if value is None else [encode(card, value, calibrate=calibrate), 1.0]
        else:
            place = None if value is None else int(encode(card, value))
            vector += [float(number == place) for number in range(len(card.choices))]
    return vector


def is_extrapolated(cards: Sequence[ConditionCard], conditions: Mapping[str, float | str]) -> bool:
    """Whether any number lies outside the range of training."""
    return any(card.kind == "number" and not 0 <= encode(card, conditions[card.name]) <= 1 for card in cards)


@dataclass(frozen=True, slots=True, kw_only=True)
class _BothWays:
    unet: Callable[..., torch.Tensor]
    vector: torch.Tensor

    def __call__(self, latents: torch.Tensor, time: float | torch.Tensor) -> torch.Tensor:
        times = latents.new_zeros(latents.shape[0]) + time
        if not self.vector.shape[1]:
            return self.unet(latents, timesteps=times)
        maps = self.vector[:, :, None, None, None].expand(-1, -1, *latents.shape[2:])
        return self.unet(torch.cat((latents, maps), 1), timesteps=times, context=self.vector[:, None, :])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Guided:
    predict: Predict
    guidance: float

    def __call__(self, latents: torch.Tensor, time: float | torch.Tensor) -> torch.Tensor:
        wanted, without = self.predict(torch.cat((latents, latents)), time).chunk(2)
        return without + self.guidance * (wanted - without)


def both_ways(unet: Callable[..., torch.Tensor], vector: torch.Tensor) -> Predict:
    """The network with its conditions, `(B, k)` float32, bound: by cross-attention and as channels; none if k is 0."""
    return _BothWays(unet=unet, vector=vector)


def with_null(vector: torch.Tensor) -> torch.Tensor:
    """Conditions, `(B, k)`, and after them as many rows of "no conditions": `(2B, k)`, for `guided`."""
    return torch.cat((vector, torch.zeros_like(vector)))


def guided(predict: Predict, guidance: float) -> Predict:
    """Classifier-free guidance (Ho & Salimans 2022, arXiv:2207.12598): so many times as far from "none" to the order.

    Args:
        predict: the network with the conditions of `with_null` bound.
        guidance: 1 gives what the network alone would.
    """
    return _Guided(predict=predict, guidance=guidance)


def _share(card: ConditionCard, value: float) -> float:
    assert card.low is not None
    assert card.high is not None
    return (value - card.low) / (card.high - card.low)


def _asked(curve: Sequence[tuple[float, float]], wanted: float) -> float:
    """The inverse of a curve of (asked, came out): piecewise linear, and its end segments go on."""
    last = len(curve) - 2
    place = next((number for number in range(last) if wanted <= curve[number + 1][1]), last)
    (a, b), (c, d) = curve[place], curve[place + 1]
    return a + (wanted - b) * (c - a) / (d - b)


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
