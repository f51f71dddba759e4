"""Nearest-neighbour upsampling by 2 and the 3³ convolution after it, as eight 2³ convolutions of the small volume.

Of the three taps along an axis, two always fall on the same voxel of the small volume, so their weights can be added
beforehand: an even output voxel 2i sees the voxels i−1 and i with the weights (w0, w1 + w2), an odd one i and i+1
with (w0 + w1, w2). That is 8 instead of 27 products for each output voxel, and the large input is never made. The
function is the same; only sums are taken in another order.

On CUDA, a kernel of ours writes each of the eight straight into its place: with PyTorch's, copying what goes in and
comes out takes several times as long as the products (measured on an H200).
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional

from .cuda import kernels_for
from .surgery import replace_modules

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["FoldedConv", "FoldedUpResBlock", "FoldedUpsample", "as_matrix", "enlarged", "fold_upsampling"]

_PHASES = tuple(product((0, 1), repeat=3))


class FoldedConv(nn.Module):
    """``conv(upsample(x))`` of the small ``x``.

    Args:
        conv: 3³, stride 1, zero padding of 1.
    """

    def __init__(self, conv: nn.Conv3d) -> None:
        super().__init__()
        if conv.kernel_size != (3, 3, 3) or conv.padding != (1, 1, 1) or conv.stride != (1, 1, 1) or conv.groups != 1:
            msg = f"only a 3³ convolution of stride 1 and padding 1 can be folded, got {conv}"
            raise ValueError(msg)
        self.weights = nn.ParameterList(
            nn.Parameter(_phase_kernel(conv.weight, phase), requires_grad=False) for phase in _PHASES
        )
        self.bias = conv.bias
        self._matrices: list[torch.Tensor] | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`(B, C, x, y, z)` to `(B, C', 2x, 2y, 2z)`, in the memory format of the input."""
        sides = x.shape[2:]
        kernels = kernels_for(x, self.weights[0].shape[0])
        if kernels:
            return self._by_kernel(kernels, x)
        large = torch.empty(
            (x.shape[0], self.weights[0].shape[0], *(2 * side for side in sides)), dtype=x.dtype, device=x.device
        )
        if x.is_contiguous(memory_format=torch.channels_last_3d) and not x.is_contiguous():
            large = large.to(memory_format=torch.channels_last_3d)
        padded = functional.pad(x, (1,) * 6)
        for (a, b, c), weight in zip(_PHASES, self.weights, strict=True):
            seen = padded[:, :, a : a + sides[0] + 1, b : b + sides[1] + 1, c : c + sides[2] + 1]
            large[:, :, a::2, b::2, c::2] = functional.conv3d(seen, weight, self.bias)
        return large

    def _by_kernel(self, kernels: Any, x: torch.Tensor) -> torch.Tensor:
        if self._matrices is None:
            self._matrices = [as_matrix(weight) for weight in self.weights]
        large = torch.empty(
            (x.shape[0], self.weights[0].shape[0], *(2 * side for side in x.shape[2:])),
            dtype=x.dtype,
            device=x.device,
            memory_format=torch.channels_last_3d,
        )
        for (a, b, c), matrix in zip(_PHASES, self._matrices, strict=True):
            phase = large[:, :, a::2, b::2, c::2]
            kernels.conv3d(x, matrix, self.bias, phase, (2, 2, 2), (1 - a, 1 - b, 1 - c))
        return large


class FoldedUpsample(nn.Module):
    """In place of MONAI's `Upsample` with a convolution after it."""

    def __init__(self, conv: nn.Conv3d) -> None:
        super().__init__()
        self.conv = FoldedConv(conv)

    def forward(self, x: torch.Tensor, emb: torch.Tensor | None = None) -> torch.Tensor:
        """Upsamples; `emb` is what UNets hand to every block."""
        del emb
        large: torch.Tensor = self.conv(x)
        return large


class FoldedUpResBlock(nn.Module):
    """In place of a `DiffusionUNetResnetBlock` that upsamples: its first convolution is folded.

    Args:
        block: its other parts are used as they are, whatever they have been replaced by.
    """

    norm1: Any
    norm2: Any
    nonlinearity: Any
    conv2: Any
    time_emb_proj: Any
    skip_connection: Any

    def __init__(self, block: Any) -> None:
        super().__init__()
        self.norm1, self.norm2, self.nonlinearity = block.norm1, block.norm2, block.nonlinearity
        self.conv1, self.conv2 = FoldedConv(_conv_of(block.conv1)), block.conv2
        self.time_emb_proj, self.skip_connection = block.time_emb_proj, block.skip_connection

    def forward(self, x: torch.Tensor, emb: torch.Tensor) -> torch.Tensor:
        """As of the block."""
        h = self.conv1(self.nonlinearity(self.norm1(x)))
        h = h + self.time_emb_proj(self.nonlinearity(emb))[:, :, None, None, None]
        h = self.conv2(self.nonlinearity(self.norm2(h)))
        added: torch.Tensor = self.skip_connection(enlarged(x)) + h
        return added


def enlarged(x: torch.Tensor) -> torch.Tensor:
    """Nearest-neighbour upsampling by 2, which keeps channels-last memory; PyTorch's does not."""
    if x.is_contiguous() or not x.is_contiguous(memory_format=torch.channels_last_3d):
        return functional.interpolate(x, scale_factor=2.0, mode="nearest")
    points = x.permute(0, 2, 3, 4, 1)
    batch, *sides, channels = points.shape
    large = x.new_empty((batch, sides[0], 2, sides[1], 2, sides[2], 2, channels))
    large.copy_(points[:, :, None, :, None, :, None])
    return large.view(batch, *(2 * side for side in sides), channels).permute(0, 4, 1, 2, 3)


def as_matrix(weight: torch.Tensor) -> torch.Tensor:
    """Weights of a convolution, `(C', C, x, y, z)`, as our kernel wants them, `(taps · C, C')`."""
    return weight.permute(2, 3, 4, 1, 0).reshape(-1, weight.shape[0]).contiguous()


def fold_upsampling(network: nn.Module) -> int:
    """Folds every nearest-neighbour upsampling that a convolution follows, in place; gives how many."""
    return replace_modules(network, _folded)


def _folded(module: nn.Module) -> nn.Module | None:
    from monai.networks.blocks import Upsample
    from monai.networks.nets.diffusion_model_unet import DiffusionUNetResnetBlock

    if isinstance(module, DiffusionUNetResnetBlock) and module.up:
        return FoldedUpResBlock(module)
    if isinstance(module, Upsample) and hasattr(module, "postconv") and not hasattr(module, "preconv"):
        upsample = module.upsample_non_trainable
        if upsample.mode == "nearest" and set(_triple(upsample.scale_factor)) == {2.0}:
            return FoldedUpsample(_conv_of(module.postconv))
    return None


def _conv_of(convolution: Any) -> nn.Conv3d:
    """The convolution inside MONAI's wrapper."""
    conv = convolution.conv
    assert isinstance(conv, nn.Conv3d)
    return conv


def _phase_kernel(weight: torch.Tensor, phase: tuple[int, ...]) -> torch.Tensor:
    """The 2³ kernel that output voxels of a parity see; sums in float64, rounded once."""
    kernel = weight.double()
    for axis, odd in enumerate(phase, start=2):
        first, second, third = kernel.unbind(axis)
        kernel = torch.stack((first + second, third) if odd else (first, second + third), axis)
    return kernel.to(weight.dtype)


def _triple(value: float | tuple[float, ...]) -> Iterator[float]:
    yield from value if isinstance(value, tuple) else (value,) * 3
