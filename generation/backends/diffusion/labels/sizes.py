"""Sizes of organs and tumors: conditions of a recipe, and the vector that the mask generator gets of them.

NV-Generate takes them from 0 to 1, with 0.5 for a liver "of median size (around the 50th percentile)"
(docs/inference.md), or −1 for what is not there, and one tumor at most (`check_input` of
generation/maisi/scripts/sample.py). Sizes that an order there leaves out come from the most similar row of a table of
training scans, which is no part of voxpress: here, each has a default.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from ....backend import Condition

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from ....backend import Known
    from .card import SizeCard

__all__ = ["ABSENT", "ordered_tumor", "size_conditions", "size_vector"]

ABSENT = -1.0
_DECIMALS = 3


def size_conditions(sizes: Sequence[SizeCard]) -> tuple[Condition, ...]:
    """The conditions of a backend; once one tumor is ordered, the others can only be absent."""
    tumors = [size.name for size in sizes if size.tumor is not None]
    return tuple(
        Condition(
            name=size.name,
            kind="number",
            meaning=size.meaning,
            minimum=ABSENT,
            maximum=1.0,
            decimals=_DECIMALS,
            default=size.default,
            limits=_one_tumor(tumors[: tumors.index(size.name)]) if size.name in tumors[1:] else None,
        )
        for size in sizes
    )


def size_vector(sizes: Sequence[SizeCard], conditions: Mapping[str, float | str]) -> torch.Tensor:
    """What the cross-attention of the mask generator gets of one order, `(1, 1, sizes)` float32: one token."""
    told = [float(conditions[size.name]) for size in sizes]
    # half precision is what the published inference hands over, so the rounding is part of the model
    return torch.tensor([[[value if value >= 0 else ABSENT for value in told]]]).half().float()


def ordered_tumor(sizes: Sequence[SizeCard], conditions: Mapping[str, float | str]) -> int | None:
    """Value in the label map of the tumor that is ordered; None for none."""
    there = [size.tumor for size in sizes if size.tumor is not None and float(conditions[size.name]) >= 0]
    return there[-1] if there else None


def _one_tumor(before: Sequence[str]) -> Callable[[Known], tuple[NDArray[np.float64], NDArray[np.float64]]]:
    def limits(known: Known) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        taken = np.any([known[name] >= 0 for name in before], axis=0)
        return np.full(taken.shape, ABSENT), np.where(taken, ABSENT, 1.0)

    return limits
