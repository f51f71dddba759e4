"""Cross-attention to a single token, computed once a sample instead of once a step.

The softmax over one token is 1 whatever the query is, so attention gives ``out_proj(to_v(context))`` to every point:
the query, the scores and the norm before them are never needed, and what is left does not depend on latents or time.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from .surgery import replace_modules

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["OneTokenAttention", "held_context", "use_one_token"]


class OneTokenAttention(nn.Module):
    """In place of `CrossAttentionBlock`.

    Args:
        block: whose weights are used.
    """

    def __init__(self, block: Any) -> None:
        super().__init__()
        self.to_v: Any = block.to_v
        self.out_proj: Any = block.out_proj
        self.held: torch.Tensor | None = None

    def value(self, context: torch.Tensor) -> torch.Tensor:
        """What every point gets, `(B, 1, channels)`, for a context of `(B, 1, k)`."""
        if context.shape[1] != 1:
            msg = f"the context must be one token, got {context.shape[1]}"
            raise ValueError(msg)
        values: torch.Tensor = self.out_proj(self.to_v(context.to(self.to_v.weight.dtype)))
        return values

    def forward(self, x: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """`(B, points, channels)`; broadcast, not copied."""
        value = self.value(context) if self.held is None else self.held
        return value.to(x.dtype).expand(-1, x.shape[1], -1)


def use_one_token(unet: nn.Module) -> int:
    """Replaces every cross-attention of a network, in place; gives how many."""
    from monai.networks.nets.diffusion_model_unet import DiffusionUNetTransformerBlock

    blocks = [module for module in unet.modules() if isinstance(module, DiffusionUNetTransformerBlock)]
    for block in blocks:
        # the norm of the query, which nobody asks any more
        block.norm2 = nn.Identity()
    return sum(replace_modules(block, _one_token) for block in blocks)


@contextmanager
def held_context(unet: nn.Module, context: torch.Tensor) -> Iterator[None]:
    """Within it, the network takes this context, `(B, 1, k)`, for granted and looks at no other."""
    attentions = [module for module in unet.modules() if isinstance(module, OneTokenAttention)]
    for attention in attentions:
        # row by row: products of small matrices round a row by its place, for some numbers of columns
        attention.held = torch.cat([attention.value(row) for row in context[:, None]])
    try:
        yield
    finally:
        for attention in attentions:
            attention.held = None


def _one_token(module: nn.Module) -> nn.Module | None:
    from monai.networks.blocks import CrossAttentionBlock

    return OneTokenAttention(module) if isinstance(module, CrossAttentionBlock) else None
