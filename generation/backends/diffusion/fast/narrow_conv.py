"""The last convolution of a network, to one or a few channels, in float32.

The numbers that leave a network are not rounded to the 8 bits of a bfloat16. cuDNN's float32 convolution to one channel
is slow, because it lays its input out anew: on an H200 it took a third of the time of a decoding. Ours reads the
bfloat16 input as it is, and computes with it in float32.
"""

from __future__ import annotations

import torch
from torch import nn

from .cuda import kernels_for

__all__ = ["NarrowConv"]


class NarrowConv(nn.Module):
    """In place of the last convolution.

    Args:
        module: 3³ with a padding of 1, or a wrapper around it, with float32 weights.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        convolution = next(part for part in module.modules() if isinstance(part, nn.Conv3d))
        if convolution.kernel_size != (3, 3, 3) or convolution.padding != (1, 1, 1) or convolution.stride != (1, 1, 1):
            msg = f"only a 3³ convolution of stride 1 and padding 1 can be narrow, got {convolution}"
            raise ValueError(msg)
        self.convolution = convolution
        self._taps: torch.Tensor | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`(B, C, x, y, z)` to `(B, C', x, y, z)` float32."""
        kernels = kernels_for(x)
        if kernels is None:
            wide: torch.Tensor = self.convolution(x.float())
            return wide
        weight = self.convolution.weight
        if self._taps is None:
            self._taps = weight.permute(2, 3, 4, 0, 1).reshape(-1, *weight.shape[:2]).contiguous()
        made: torch.Tensor = kernels.narrow_conv3d(x, self._taps, self.convolution.bias)
        return made
