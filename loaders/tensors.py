"""Stored integers as the numbers that a network takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ..store.arrays import ArraySpec

    Fill = Callable[[NDArray[Any], NDArray[Any]], None]

__all__ = ["Conversion", "conversion", "to_tensor"]


@dataclass(frozen=True, slots=True)
class Conversion:
    """How stored voxels become a tensor.

    Attributes:
        numpy_dtype: of the memory they are put into.
        fill: puts stored voxels (second) there (first); None where they are only copied.
        torch_dtype: of the tensor, where NumPy lacks it (bfloat16); None where it is that of the memory.
    """

    numpy_dtype: np.dtype[Any]
    fill: Fill | None
    torch_dtype: torch.dtype | None = None


def conversion(spec: ArraySpec, dtype: torch.dtype | None) -> Conversion:
    """How voxels of an array become a tensor.

    Args:
        spec: of the array.
        dtype: images become ``stored * scale + offset`` in this dtype, computed in float32 at least; None keeps
            integers. Labels stay integers. Stored uint16 becomes int32, as torch can do little with uint16.
    """
    if dtype is None or spec.kind == "label":
        if spec.dtype == "uint16":
            return Conversion(np.dtype(np.int32), _copy)
        return Conversion(np.dtype(spec.dtype), None)
    precise = np.dtype(str(torch.promote_types(dtype, torch.float32)).removeprefix("torch."))
    scale, offset = precise.type(spec.scale), precise.type(spec.offset)
    if dtype == torch.float16:
        return Conversion(np.dtype(np.float16), _scaled_then_copied(precise, scale, offset))
    return Conversion(precise, _scaled(scale, offset), None if dtype != torch.bfloat16 else dtype)


def to_tensor(stored: NDArray[Any], spec: ArraySpec, dtype: torch.dtype | None) -> torch.Tensor:
    """Stored voxels as a tensor of the same shape; arguments as in `conversion`."""
    how = conversion(spec, dtype)
    target = np.empty(stored.shape, how.numpy_dtype)
    (how.fill or _copy)(target, stored)
    tensor = torch.from_numpy(target)
    return tensor if how.torch_dtype is None else tensor.to(how.torch_dtype)


def _copy(target: NDArray[Any], stored: NDArray[Any]) -> None:
    np.copyto(target, stored)


def _scaled(scale: np.floating[Any], offset: np.floating[Any]) -> Fill:
    def fill(target: NDArray[Any], stored: NDArray[Any]) -> None:
        np.multiply(stored, scale, out=target, dtype=target.dtype)
        if offset:
            np.add(target, offset, out=target)

    return fill


def _scaled_then_copied(precise: np.dtype[Any], scale: np.floating[Any], offset: np.floating[Any]) -> Fill:
    scaled = _scaled(scale, offset)

    def fill(target: NDArray[Any], stored: NDArray[Any]) -> None:
        exact = np.empty(stored.shape, precise)
        scaled(exact, stored)
        np.copyto(target, exact, casting="same_kind")

    return fill
