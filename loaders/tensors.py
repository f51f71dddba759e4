"""Stored integers as torch tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..store.arrays import ArraySpec

__all__ = ["to_tensor"]


def to_tensor(stored: NDArray[Any], spec: ArraySpec, dtype: torch.dtype | None) -> torch.Tensor:
    """Stored voxels as a tensor.

    Args:
        stored: integers as in the store.
        spec: of their array.
        dtype: images become ``stored * scale + offset`` in this dtype; None keeps integers. Labels stay integers.

    Returns:
        a tensor of the same shape; stored uint16 becomes int32, as torch can do little with uint16.
    """
    native = np.ascontiguousarray(stored, dtype=stored.dtype.newbyteorder("="))
    if native.dtype == np.uint16:
        native = native.astype(np.int32)
    tensor = torch.from_numpy(native if native.flags.writeable else native.copy())
    if dtype is None or spec.kind == "label":
        return tensor
    precise = tensor.to(torch.promote_types(dtype, torch.float32))
    return precise.mul_(spec.scale).add_(spec.offset).to(dtype)
