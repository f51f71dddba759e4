"""Whether our kernels can take a tensor; where they cannot, PyTorch's own calls compute the same."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["as_kernels_want", "kernels_for"]

_WIDTH = 64


def kernels_for(x: torch.Tensor, *channels: int) -> ModuleType | None:
    """The module `kernels`, or None.

    They need CUDA, Triton (which PyTorch for CUDA brings on Linux), bfloat16 in channels-last memory, and numbers of
    channels that are multiples of 64.

    Args:
        x: `(B, C, x, y, z)`.
        channels: of what is made.
    """
    if not x.is_cuda or x.dtype != torch.bfloat16 or any(each % _WIDTH for each in (x.shape[1], *channels)):
        return None
    if not x.is_contiguous(memory_format=torch.channels_last_3d) or find_spec("triton") is None:
        return None
    from . import kernels

    return kernels


def as_kernels_want(x: torch.Tensor) -> torch.Tensor:
    """The same numbers in channels-last memory, if that is all that is missing; MONAI lays volumes out now and then."""
    return x.contiguous(memory_format=torch.channels_last_3d) if x.is_cuda and x.dtype == torch.bfloat16 else x
