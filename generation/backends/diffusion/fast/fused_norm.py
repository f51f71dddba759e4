"""GroupNorm and the SiLU after it as one operation that keeps the memory format.

On CUDA, PyTorch's GroupNorm gives contiguous memory for channels-last input, so each one costs two transpositions
(pytorch#111824), and the SiLU another pass; here one compiled kernel does both. On the CPU it is PyTorch's own two
calls. Statistics are taken in float32 whatever the precision of the network.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional

from .folded_upsample import FoldedUpResBlock
from .surgery import replace_modules

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FusedResBlock", "GroupNormSilu", "fuse_norms", "normalise_silu"]

_MOST_SHAPES = 64
"""Kernels are compiled for each shape; dynamo gives up after 8 unless it is told that there will be more."""


class GroupNormSilu(nn.Module):
    """``silu(norm(x))``.

    Args:
        norm: whose weights and groups are used.
    """

    def __init__(self, norm: nn.GroupNorm) -> None:
        super().__init__()
        self.groups, self.eps = norm.num_groups, norm.eps
        self.weight, self.bias = norm.weight, norm.bias

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`(B, C, x, y, z)`, in the precision of the input."""
        if x.is_cuda:
            return _compiled()(x, self.weight, self.bias, self.groups, self.eps)
        return functional.silu(functional.group_norm(x, self.groups, self.weight, self.bias, self.eps))


class FusedResBlock(nn.Module):
    """In place of the residual blocks of both autoencoders.

    Args:
        block: `AEKLResBlock` or `MaisiResBlock`.
    """

    conv1: Any
    conv2: Any
    shortcut: Any

    def __init__(self, block: Any) -> None:
        super().__init__()
        self.norm1, self.norm2 = _fused(block.norm1), _fused(block.norm2)
        self.conv1, self.conv2, self.shortcut = block.conv1, block.conv2, block.nin_shortcut

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """As of the block."""
        h = self.conv2(self.norm2(self.conv1(self.norm1(x))))
        added: torch.Tensor = self.shortcut(x) + h
        return added


def normalise_silu(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, groups: int, eps: float) -> torch.Tensor:
    """The formula that is compiled: views, one reduction, and a chain of products that keeps the strides.

    Args:
        x: `(B, C, x, y, z)`.
        weight: `(C,)`.
        bias: `(C,)`.
        groups: of channels.
        eps: added to the variance.
    """
    grouped = x.float().view(x.shape[0], groups, -1, *x.shape[2:])
    variance, mean = torch.var_mean(grouped, dim=(2, 3, 4, 5), correction=0, keepdim=True)
    scale = torch.rsqrt(variance + eps) * weight.float().view(1, groups, -1, 1, 1, 1)
    shift = bias.float().view(1, groups, -1, 1, 1, 1) - mean * scale
    return functional.silu(grouped * scale + shift).flatten(1, 2).to(x.dtype)


def fuse_norms(network: nn.Module) -> int:
    """Fuses every GroupNorm that a SiLU follows, in place; gives how many blocks were changed."""
    from monai.networks.nets.diffusion_model_unet import DiffusionUNetResnetBlock

    changed = replace_modules(network, _replacement)
    for module in network.modules():
        if isinstance(module, DiffusionUNetResnetBlock | FoldedUpResBlock):
            _fuse_in_unet(module)
            changed += 1
    head = getattr(network, "out", None)
    if isinstance(head, nn.Sequential) and isinstance(head[0], nn.GroupNorm) and isinstance(head[1], nn.SiLU):
        head[0], head[1] = GroupNormSilu(head[0]), nn.Identity()
        changed += 1
    return changed


def _fuse_in_unet(block: Any) -> None:
    """The block's one SiLU also activates the embedding of the time, which must keep it."""
    block.norm1, block.norm2 = _fused(block.norm1), _fused(block.norm2)
    block.time_emb_proj = nn.Sequential(nn.SiLU(), block.time_emb_proj)
    block.nonlinearity = nn.Identity()


def _replacement(module: nn.Module) -> nn.Module | None:
    from monai.networks.nets.autoencoderkl import AEKLResBlock

    if isinstance(module, AEKLResBlock) or type(module).__name__ == "MaisiResBlock":
        return FusedResBlock(module)
    return _plain_norm(module) if type(module).__name__ == "MaisiGroupNorm3D" else None


def _fused(norm: nn.Module) -> GroupNormSilu:
    assert isinstance(norm, nn.GroupNorm)
    return GroupNormSilu(norm)


def _plain_norm(norm: nn.Module) -> nn.GroupNorm:
    """PyTorch's, in place of the one that loops over the groups to save memory, and always gives float32."""
    assert isinstance(norm, nn.GroupNorm)
    plain = nn.GroupNorm(norm.num_groups, norm.num_channels, norm.eps, device="meta")
    plain.weight, plain.bias = norm.weight, norm.bias
    return plain


@cache
def _compiled() -> Callable[..., torch.Tensor]:
    dynamo: Any = torch._dynamo.config  # noqa: SLF001  # the only place where the limit can be set
    dynamo.recompile_limit = max(dynamo.recompile_limit, _MOST_SHAPES)
    compiled: Callable[..., torch.Tensor] = torch.compile(normalise_silu, dynamic=False)
    return compiled
