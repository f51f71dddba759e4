"""Label maps as bits, which is how MAISI's ControlNet takes them: one channel for each bit of a label's value."""

from __future__ import annotations

from typing import Final

import torch

__all__ = ["BITS", "to_bit_planes"]

BITS: Final = 8
"""Of NV-Generate's `binarize_labels` (scripts/utils.py), the lowest first."""


def to_bit_planes(labels: torch.Tensor) -> torch.Tensor:
    """`(B, x, y, z)` uint8 → `(B, 8, x, y, z)` float32 of zeros and ones."""
    return torch.stack([labels.bitwise_right_shift(bit).bitwise_and(1) for bit in range(BITS)], 1).float()
