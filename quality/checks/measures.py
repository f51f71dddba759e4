"""COND_MISMATCH and NONFINITE: what was measured, against what was ordered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["measures"]

# Coarse on purpose: whether conditions are met is judged over a whole data set; this catches a sample gone wrong.
_MISMATCH_SHARE = 0.25
_MISMATCH_VOXELS = 10


def measures(measured: Mapping[str, float], ordered: Mapping[str, float | str], voxel_ml: float) -> Iterator[str]:
    """Codes of measures that are not finite, or far from the condition of the same name.

    Args:
        measured: measure → value.
        ordered: condition → value; a volume in ml of the same name as a measure must be near it.
        voxel_ml: volume of one voxel.
    """
    for name, value in measured.items():
        if not np.isfinite(value):
            yield "NONFINITE"
        wanted = ordered.get(name)
        if name.endswith("_ml") and isinstance(wanted, float | int):
            tolerance = max(_MISMATCH_SHARE * abs(wanted), _MISMATCH_VOXELS * voxel_ml)
            if not abs(value - wanted) <= tolerance:
                yield "COND_MISMATCH"
