"""From decoded values to integers, on the device: half the bytes to copy, and a background that is exactly 0."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from torch.nn import functional

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..model_card import ImageCard

__all__ = ["STEPS", "from_lattice", "to_lattice"]

STEPS: Final = 65535
"""Steps between the smallest and the largest value of an image; no data set stores finer ones."""
_LOWEST = -32768
_NEIGHBOURHOOD = 5


def to_lattice(
    decoded: torch.Tensor, card: ImageCard, flip: tuple[bool, bool, bool]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cleans and rounds a batch.

    Empty is where the mean of a voxel's 5³ neighbourhood is below the card's floor, so single bright voxels outside the
    body go. As far as that mean reaches out from the body, voxels that are themselves below the floor go too: a haze
    around the body is no part of it, its surface is, and dark voxels inside stay.

    Args:
        decoded: `(B, 1, x, y, z)` float32, what the decoder gives.
        card: range and floor.
        flip: axes to reverse.

    Returns:
        `(B, x, y, z)` int16 steps above the minimum, less 32768, and for each sample whether all was finite.
    """
    zero, one = card.decoded
    values = decoded.float() * (one - zero) + zero
    finite = torch.isfinite(values).flatten(1).all(1)
    values = torch.nan_to_num(values, nan=card.minimum).clamp(card.minimum, card.maximum)
    around = functional.avg_pool3d(
        values, _NEIGHBOURHOOD, stride=1, padding=_NEIGHBOURHOOD // 2, count_include_pad=False
    )
    empty = around < card.floor
    near = functional.max_pool3d(empty.float(), _NEIGHBOURHOOD, stride=1, padding=_NEIGHBOURHOOD // 2)
    values = torch.where(empty | ((near > 0) & (values < card.floor)), card.background, values)
    steps = torch.round((values - card.minimum) * (STEPS / (card.maximum - card.minimum))) + _LOWEST
    axes = [axis for axis, reverse in enumerate(flip, start=1) if reverse]
    return steps[:, 0].to(torch.int16).flip(axes), finite


def from_lattice(steps: NDArray[np.int16], card: ImageCard) -> NDArray[np.float32]:
    """The values of an image, `(x, y, z)`, C-contiguous; the minimum comes back exactly."""
    scale = np.float32((card.maximum - card.minimum) / STEPS)
    values: NDArray[np.float32] = (steps.astype(np.float32) - np.float32(_LOWEST)) * scale + np.float32(card.minimum)
    return np.clip(values, np.float32(card.minimum), np.float32(card.maximum), out=np.ascontiguousarray(values))
