"""bfloat16 weights in channels-last memory, with islands of float32 where that costs nothing and matters.

Islands are what numbers come in and go out by: the first convolution (latents and conditions), the embeddings of time,
spacing and regions, the one token of cross-attention, and the last convolution. A bfloat16 has 8 bits, as few as a
stored uint8; without the last island the image itself would be rounded to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from .narrow_conv import NarrowConv
from .one_token_attention import OneTokenAttention
from .surgery import replace_modules

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Float32Island", "Float32Pool", "to_precision"]

_UNET_INPUTS = ("conv_in", "time_embed", "spacing_layer", "top_region_index_layer", "bottom_region_index_layer")


class Float32Island(nn.Module):
    """A module that computes in float32 inside a network that does not.

    Args:
        module: with float32 weights.
        output: type of what it gives.
    """

    def __init__(self, module: nn.Module, output: torch.dtype) -> None:
        super().__init__()
        self.module, self.output = module, output

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """As of the module."""
        value: torch.Tensor = self.module(x.float()).to(self.output)
        return value


class Float32Pool(nn.Module):
    """Average pooling, which PyTorch lacks in bfloat16 on the CPU and in channels-last memory on CUDA."""

    def __init__(self, pool: nn.AvgPool3d) -> None:
        super().__init__()
        self.pool = pool

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """As of the module."""
        pooled: torch.Tensor = self.pool(x if x.is_cuda else x.float())
        return pooled.to(x.dtype).contiguous(memory_format=torch.channels_last_3d)


def to_precision(network: nn.Module, precision: str) -> None:
    """Changes weights and memory format of a network, in place.

    Args:
        network: UNet or autoencoder with float32 weights; it takes and gives float32 afterwards as before.
        precision: `fp32` leaves it as it is, `bf16`.
    """
    if precision == "fp32":
        return
    for parent, name, output in list(_islands(network)):
        child = _child(parent, name)
        island = NarrowConv(child) if output == torch.float32 else Float32Island(child, output)
        parent._modules[name] = island  # noqa: SLF001  # also for numbered children
    replace_modules(network, lambda module: Float32Pool(module) if isinstance(module, nn.AvgPool3d) else None)
    _convert(network)
    network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]  # torch's stub wants a dtype too


def _islands(network: nn.Module) -> Iterator[tuple[nn.Module, str, torch.dtype]]:
    """(parent, name of the child, type that it gives)."""
    inner: Any = network
    for name in _UNET_INPUTS:
        if hasattr(network, name):
            yield network, name, torch.bfloat16
    if hasattr(network, "post_quant_conv"):
        yield network, "post_quant_conv", torch.bfloat16
        yield inner.decoder.blocks, str(len(inner.decoder.blocks) - 1), torch.float32
    else:
        yield inner.out, str(len(inner.out) - 1), torch.float32


def _child(parent: nn.Module, name: str) -> nn.Module:
    child = parent._modules[name]  # noqa: SLF001
    assert child is not None
    return child


def _convert(module: nn.Module) -> None:
    if isinstance(module, Float32Island | NarrowConv | OneTokenAttention):
        return
    for parameter in module.parameters(recurse=False):
        parameter.data = parameter.data.to(torch.bfloat16)
    for child in module.children():
        _convert(child)
