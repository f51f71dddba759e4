"""Trilinear upsampling in one kernel, also where deterministic algorithms are asked for.

There, PyTorch's `interpolate` gathers the eight corners one by one on CUDA, because the gradient of its kernel is not
deterministic. Nobody asks for a gradient here, and the kernel itself is deterministic: on an H200, the gathering took
three quarters of the time of a decoding of MAISI, and 100 GiB.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from .surgery import replace_modules

__all__ = ["TrilinearUpsample", "use_one_kernel"]


class TrilinearUpsample(nn.Module):
    """In place of `MaisiUpsample`: by 2, and a convolution after it.

    Args:
        conv: the convolution.
    """

    def __init__(self, conv: Any) -> None:
        super().__init__()
        self.conv = conv

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """As of the block; the memory format of the input stays."""
        like = torch.contiguous_format if x.is_contiguous() else torch.channels_last_3d
        # corners of the volume are not aligned
        large = torch.ops.aten.upsample_trilinear3d.vec(x, None, False, [2.0] * 3)  # noqa: FBT003
        made: torch.Tensor = self.conv(large.contiguous(memory_format=like))
        return made


def use_one_kernel(network: nn.Module) -> int:
    """Replaces every trilinear upsampling, in place; gives how many."""
    return replace_modules(network, _replacement)


def _replacement(module: nn.Module) -> nn.Module | None:
    other: Any = module
    if type(module).__name__ == "MaisiUpsample" and not other.use_convtranspose:
        return TrilinearUpsample(other.conv)
    return None
