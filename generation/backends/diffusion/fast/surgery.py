"""Replaces modules inside a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

__all__ = ["replace_modules"]


def replace_modules(network: torch.nn.Module, replacement: Callable[[torch.nn.Module], torch.nn.Module | None]) -> int:
    """Puts another module in place of each for which there is one, the outermost first; gives how many.

    Args:
        network: changed in place; itself it is never replaced.
        replacement: gives the other module, or None.
    """
    count = 0
    for name, child in list(network.named_children()):
        other = replacement(child)
        if other is None:
            count += replace_modules(child, replacement)
        else:
            setattr(network, name, other)
            count += 1
    return count
