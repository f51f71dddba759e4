"""Label maps as bits, which is how MAISI's ControlNet takes them: one channel for each bit of a label's value."""

from __future__ import annotations

from typing import Final

import torch

__all__ = ["BITS", "from_bit_planes", "to_bit_planes"]

BITS: Final = 8
"""Of NV-Generate's `binarize_labels` (scripts/utils.py), the lowest first."""


def to_bit_planes(labels: torch.Tensor) -> torch.Tensor:
    """`(B, x, y, z)` uint8 → `(B, 8, x, y, z)` float32 of zeros and ones."""
    return torch.stack([labels.bitwise_right_shift(bit).bitwise_and(1) for bit in range(BITS)], 1).float()


def from_bit_planes(planes: torch.Tensor) -> torch.Tensor:
    """`(B, 8, x, y, z)` of zeros and ones → `(B, x, y, z)` uint8: the inverse."""
    weights = 2 ** torch.arange(BITS, device=planes.device)
    return (planes.long() * weights[:, None, None, None]).sum(1).to(torch.uint8)
