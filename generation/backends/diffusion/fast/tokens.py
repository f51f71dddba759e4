"""Attention over the points of a volume without laying it out anew.

The memory of a channels-last volume is that of its tokens, one point after another. MONAI's `SpatialTransformer` makes
contiguous volumes of its tokens, and its projections are convolutions of one voxel; here they are products of matrices
on the tokens as they lie.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from .surgery import replace_modules

__all__ = ["TokenTransformer", "use_tokens"]


class TokenTransformer(nn.Module):
    """In place of `SpatialTransformer`.

    Args:
        block: whose weights are used.
    """

    def __init__(self, block: Any) -> None:
        super().__init__()
        self.norm, self.transformer_blocks = block.norm, block.transformer_blocks
        self.proj_in, self.proj_out = _as_linear(block.proj_in), _as_linear(block.proj_out)

    def forward(self, x: torch.Tensor, context: torch.Tensor | None = None) -> torch.Tensor:
        """As of the block."""
        points = self.norm(x).permute(0, 2, 3, 4, 1)
        tokens = self.proj_in(points.flatten(1, 3))
        for block in self.transformer_blocks:
            tokens = block(tokens, context=context)
        made: torch.Tensor = self.proj_out(tokens)
        return made.view(points.shape).permute(0, 4, 1, 2, 3) + x


def use_tokens(unet: nn.Module) -> int:
    """Replaces every `SpatialTransformer`, in place; gives how many."""
    return replace_modules(unet, _replacement)


def _replacement(module: nn.Module) -> nn.Module | None:
    from monai.networks.nets.diffusion_model_unet import SpatialTransformer

    return TokenTransformer(module) if isinstance(module, SpatialTransformer) else None


def _as_linear(module: nn.Module) -> nn.Linear:
    """A convolution of one voxel as a product of matrices."""
    conv = next(part for part in module.modules() if isinstance(part, nn.Conv3d))
    if conv.kernel_size != (1, 1, 1) or conv.stride != (1, 1, 1):
        msg = f"only a convolution of one voxel is a product of matrices, got {conv}"
        raise ValueError(msg)
    linear = nn.Linear(conv.in_channels, conv.out_channels, device="meta")
    linear.weight = nn.Parameter(conv.weight.flatten(1), requires_grad=False)
    assert conv.bias is not None
    linear.bias = nn.Parameter(conv.bias, requires_grad=False)
    return linear
