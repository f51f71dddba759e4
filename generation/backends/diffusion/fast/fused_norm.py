"""GroupNorm and the SiLU after it as one operation that keeps the memory format, with the sums around it.

On CUDA, PyTorch's GroupNorm gives contiguous memory for channels-last input, so each one costs two transpositions
(pytorch#111824), and the SiLU another pass; here two kernels do both. A convolution's bias, and the embedding of the
time, are added inside the norm that follows, which costs nothing; a pass of their own would cost as much as the norm.
On the CPU all of it is PyTorch's own calls. Statistics are taken in float32 whatever the precision of the network.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from .cuda import as_kernels_want, kernels_for
from .folded_upsample import FoldedConv, FoldedUpResBlock, enlarged
from .surgery import replace_modules

__all__ = ["FusedNorm", "FusedResBlock", "FusedUnetBlock", "add_biased", "fuse_norms"]


class FusedNorm(nn.Module):
    """``silu(norm(x + added))``, or without the SiLU.

    Args:
        norm: whose weights and groups are used.
        silu: whether a SiLU follows.
    """

    def __init__(self, norm: nn.Module, *, silu: bool) -> None:
        super().__init__()
        assert isinstance(norm, nn.GroupNorm)
        self.groups, self.eps, self.silu = norm.num_groups, norm.eps, silu
        self.weight, self.bias = norm.weight, norm.bias

    def forward(self, x: torch.Tensor, added: torch.Tensor | None = None) -> torch.Tensor:
        """In the precision of the input.

        Args:
            x: `(B, C, x, y, z)`.
            added: `(B or 1, C)`, to each point of a channel before the norm.
        """
        if kernels := kernels_for(x):
            made: torch.Tensor = kernels.group_norm(
                x, self.weight, self.bias, self.groups, self.eps, added, silu=self.silu
            )
            return made
        if added is not None:
            x = x + _everywhere(added)
        normed = functional.group_norm(x, self.groups, self.weight, self.bias, self.eps)
        return functional.silu(normed) if self.silu else normed


class FusedResBlock(nn.Module):
    """In place of the residual blocks of both autoencoders.

    Args:
        block: `AEKLResBlock` or `MaisiResBlock`.
    """

    def __init__(self, block: Any) -> None:
        super().__init__()
        self.norm1, self.norm2 = FusedNorm(block.norm1, silu=True), FusedNorm(block.norm2, silu=True)
        self.conv1, self.bias1 = _without_bias(block.conv1)
        self.conv2, self.bias2 = _without_bias(block.conv2)
        self.shortcut = block.nin_shortcut

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """As of the block."""
        h = self.norm2(self.conv1(self.norm1(x)), self.bias1[None])
        return add_biased(self.shortcut(x), self.conv2(h), self.bias2)


class FusedUnetBlock(nn.Module):
    """In place of the residual blocks of both UNets.

    Args:
        block: `DiffusionUNetResnetBlock`, or what has been put in its place where it upsamples.
    """

    def __init__(self, block: Any) -> None:
        super().__init__()
        self.norm1, self.norm2 = FusedNorm(block.norm1, silu=True), FusedNorm(block.norm2, silu=True)
        self.conv1, self.bias1 = _without_bias(block.conv1)
        self.conv2, self.bias2 = _without_bias(block.conv2)
        self.time_emb_proj, self.skip_connection = block.time_emb_proj, block.skip_connection
        self.folded = isinstance(block, FoldedUpResBlock)
        self.resample = None if self.folded else block.upsample or block.downsample

    def forward(self, x: torch.Tensor, emb: torch.Tensor) -> torch.Tensor:
        """As of the block."""
        x = as_kernels_want(x)
        h = self.norm1(x)
        if self.resample is not None:
            x, h = self.resample(x), self.resample(h)
        h = self.conv1(h)
        if self.folded:
            x = enlarged(x)
        h = self.norm2(h, self.time_emb_proj(functional.silu(emb)) + self.bias1)
        return add_biased(self.skip_connection(x), self.conv2(h), self.bias2)


def add_biased(a: torch.Tensor, b: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """``a + b + bias``, for `(B, C, x, y, z)` and `(C,)`."""
    kernels = kernels_for(a)
    if kernels and b.stride() == a.stride():
        added: torch.Tensor = kernels.add_biased(a, b, bias)
        return added
    return a + (b + _everywhere(bias[None]))


def fuse_norms(network: nn.Module) -> int:
    """Fuses every GroupNorm with what stands around it, in place; gives how many places were changed."""
    head = getattr(network, "out", None)
    if isinstance(head, nn.Sequential) and isinstance(head[0], nn.GroupNorm) and isinstance(head[1], nn.SiLU):
        head[0], head[1] = FusedNorm(head[0], silu=True), nn.Identity()
        return 1 + replace_modules(network, _replacement)
    return replace_modules(network, _replacement)


def _replacement(module: nn.Module) -> nn.Module | None:
    from monai.networks.nets.autoencoderkl import AEKLResBlock
    from monai.networks.nets.diffusion_model_unet import DiffusionUNetResnetBlock

    if isinstance(module, AEKLResBlock) or type(module).__name__ == "MaisiResBlock":
        return FusedResBlock(module)
    if isinstance(module, DiffusionUNetResnetBlock | FoldedUpResBlock):
        return FusedUnetBlock(module)
    # one of MAISI's loops over the groups to save memory, and always gives float32
    return FusedNorm(module, silu=False) if isinstance(module, nn.GroupNorm) else None


def _without_bias(module: nn.Module) -> tuple[nn.Module, nn.Parameter]:
    """A convolution, out of its wrappers, and its bias, which is added elsewhere."""
    convolution: Any = module
    if not isinstance(module, FoldedConv):
        convolution = next(part for part in module.modules() if isinstance(part, nn.Conv3d))
    bias = convolution.bias
    assert bias is not None
    convolution.bias = None
    return convolution, bias


def _everywhere(values: torch.Tensor) -> torch.Tensor:
    return values[:, :, None, None, None]
