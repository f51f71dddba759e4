"""Convolutions that give a sample the same bits in every slot of a batch.

cuDNN is free to sum the last tiles of a batch in another order than the others. On an H200 it does so for some shapes
(256 channels at 20×28×20, 768 at 5×7×5) and not for others, so that the last samples of a batch have other last bits
than the first. Each convolution is tried with a batch that holds one sample in all slots; where slots differ, it is
done by a kernel of ours, whose sums do not know of the batch, or where that cannot be, slot by slot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from .cuda import kernels_for
from .folded_upsample import as_matrix
from .surgery import replace_modules

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ApartConv", "keep_slots_apart"]


class ApartConv(nn.Module):
    """In place of a convolution whose slots see each other.

    Args:
        conv: whose weights are used.
    """

    def __init__(self, conv: nn.Conv3d) -> None:
        super().__init__()
        self.conv = conv
        self._matrix: torch.Tensor | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """As of the convolution."""
        conv = self.conv
        kernels = kernels_for(x, conv.out_channels)
        if kernels is None or conv.stride != (1, 1, 1) or conv.dilation != (1, 1, 1) or conv.groups != 1:
            return torch.cat([conv(slot[None]) for slot in x])
        if self._matrix is None:
            self._matrix = as_matrix(conv.weight)
        before: Any = conv.padding
        sides = [
            side + 2 * pad - size + 1 for side, pad, size in zip(x.shape[2:], before, conv.kernel_size, strict=True)
        ]
        made = torch.empty(
            (x.shape[0], conv.out_channels, *sides),
            dtype=x.dtype,
            device=x.device,
            memory_format=torch.channels_last_3d,
        )
        kernels.conv3d(x, self._matrix, conv.bias, made, conv.kernel_size, before)
        return made


def keep_slots_apart(network: nn.Module, run: Callable[[], object]) -> int:
    """Replaces the convolutions of a network that need it, in place; gives how many.

    Args:
        network: with convolutions.
        run: calls it with a batch of the size and shape that will be used.
    """
    together: set[nn.Module] = set()

    def watch(module: Any, inputs: tuple[torch.Tensor, ...], _: object) -> None:
        x = inputs[0]
        # the memory format must stay: it decides which kernel is chosen
        same = torch.empty_like(x).copy_(x[:1].expand_as(x))
        # not called, so that this hook does not see it
        made = module.forward(same)
        if not bool((made == made[:1]).all()):
            together.add(module)

    hooks = [part.register_forward_hook(watch) for part in network.modules() if isinstance(part, nn.Conv3d)]
    try:
        run()
    finally:
        for hook in hooks:
            hook.remove()
    return replace_modules(
        network, lambda part: ApartConv(part) if isinstance(part, nn.Conv3d) and part in together else None
    )
