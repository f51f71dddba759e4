"""Decodes latents, a few at a time, in windows where they are large."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from ..model_card import DecodingCard

__all__ = ["MOST_AT_ONCE", "decode", "needs_windows"]

MOST_AT_ONCE = 2
"""Volumes decoded together. Three of 160×224×160 have tensors of more than 2^31 numbers, which some CUDA kernels get
wrong without a word (pytorch#141831)."""


def needs_windows(card: DecodingCard, sides: tuple[int, ...]) -> bool:
    """Whether latents of these sides are decoded in windows: NV-Generate's rule, by their number of points."""
    return card.window is not None and math.prod(sides) > card.window ** len(sides)


def decode(autoencoder: Any, latents: torch.Tensor, card: DecodingCard) -> torch.Tensor:
    """Images of latents.

    Windows overlap and are blended with Gaussian weights. Each has GroupNorm statistics of its own, so this is not the
    same function as decoding at once; it is the published one for large volumes.

    Args:
        autoencoder: with `decode`.
        latents: `(B, C, x, y, z)` float32, already divided by the scale factor.
        card: windows.

    Returns:
        `(B, 1, x', y', z')` float32.
    """
    sides = tuple(latents.shape[2:])
    if not needs_windows(card, sides):
        decoded: torch.Tensor = autoencoder.decode(latents).float()
        return decoded
    from monai.inferers import sliding_window_inference

    assert card.window is not None
    roi = tuple(min(card.window, side) for side in sides)
    return torch.cat(
        [
            sliding_window_inference(
                latent[None],
                roi_size=roi,
                sw_batch_size=1,
                predictor=lambda part: autoencoder.decode(part).float(),
                overlap=card.overlap,
                mode="gaussian",
            )
            for latent in latents
        ]
    )
