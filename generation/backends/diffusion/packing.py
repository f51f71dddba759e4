"""Space to depth: blocks of voxels become channels, so that an autoencoder works on a smaller grid; and back.

Nothing is lost: both ways are a reordering. (Shi et al. 2016, arXiv:1609.05158, in three dimensions.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

__all__ = ["depth_to_space", "space_to_depth"]


def space_to_depth(volumes: torch.Tensor, side: int) -> torch.Tensor:
    """Voxels of each block of side³ as channels.

    Args:
        volumes: `(B, 1, x, y, z)`, whose sides are multiples of `side`.
        side: of a block; 1 changes nothing.

    Returns:
        `(B, side³, x/side, y/side, z/side)`; the channel of voxel (i, j, k) of a block is (i·side + j)·side + k.

    Raises:
        ValueError: the volumes do not have one channel, or cannot be cut into such blocks.
    """
    batch, channels, *sides = volumes.shape
    if channels != 1 or any(length % side for length in sides):
        msg = f"volumes must have one channel and sides that are multiples of {side}, got {tuple(volumes.shape)}"
        raise ValueError(msg)
    x, y, z = (length // side for length in sides)
    blocks = volumes.reshape(batch, x, side, y, side, z, side)
    return blocks.permute(0, 2, 4, 6, 1, 3, 5).reshape(batch, side**3, x, y, z)


def depth_to_space(channels: torch.Tensor, side: int) -> torch.Tensor:
    """The exact inverse of `space_to_depth`.

    Args:
        channels: `(B, side³, x, y, z)`.
        side: of a block.

    Returns:
        `(B, 1, x·side, y·side, z·side)`.

    Raises:
        ValueError: there is not one channel for each voxel of a block.
    """
    batch, count, x, y, z = channels.shape
    if count != side**3:
        msg = f"blocks of {side} voxels a side need {side**3} channels, got {count}"
        raise ValueError(msg)
    blocks = channels.reshape(batch, side, side, side, x, y, z)
    return blocks.permute(0, 4, 1, 5, 2, 6, 3).reshape(batch, 1, x * side, y * side, z * side)
