"""Quick checks of one sample while its voxels are in memory, before anything is written.

Each finding is a reason code; `MEANINGS` says what it stands for. A backend adds codes of its own (`Sample.faults`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .checks.background import background_noise
from .checks.brain import brain_volume, is_brain, left_right_mirror, pieces, tissue_order
from .checks.lattice import lattice
from .checks.meanings import MEANINGS
from .checks.measures import measures
from .checks.planes import seams, slice_dropout
from .checks.structure import agreement, image_values, label_values, shapes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from ..store import ArraySpec

__all__ = ["MEANINGS", "check_sample"]


def check_sample(
    volumes: Mapping[str, NDArray[Any]],
    specs: Mapping[str, ArraySpec],
    *,
    measured: Mapping[str, float],
    ordered: Mapping[str, float | str],
) -> tuple[str, ...]:
    """The reason codes of all that is wrong with a sample; none means that it may be written.

    Args:
        volumes: array name → `(x, y, z)` values, images before quantisation or as stored.
        specs: array name → what it must be like.
        measured: measure → value.
        ordered: condition → value; a volume in ml of the same name as a measure must be near it, and a known `contrast`
            says which tissue is brighter.
    """
    found = dict.fromkeys(shapes(volumes, specs))
    if not found:
        for name, spec in specs.items():
            found.update(dict.fromkeys((image_values if spec.kind == "image" else label_values)(volumes[name], spec)))
        found.update(dict.fromkeys(agreement(volumes, specs)))
        # what is empty or not finite has no anatomy and no pattern
        if not found.keys() & {"EMPTY", "NONFINITE"}:
            for name, spec in specs.items():
                if spec.kind == "image":
                    found.update(dict.fromkeys(_patterns(volumes[name], spec, brain=is_brain(specs, ordered))))
            found.update(dict.fromkeys(_anatomy(volumes, specs, ordered)))
    voxel_ml = float(np.prod(next(iter(specs.values())).spacing_mm)) / 1000
    found.update(dict.fromkeys(measures(measured, ordered, voxel_ml)))
    return tuple(found)


def _patterns(values: NDArray[np.float32], spec: ArraySpec, *, brain: bool) -> Iterator[str]:
    filled = values != np.float32(spec.offset)
    yield from background_noise(values, spec)
    if brain:
        yield from pieces(filled)
        yield from left_right_mirror(values, filled)
    # a plane that dropped out is a jump too, and so is each step of a pattern; they say more
    jumps = (*slice_dropout(values, spec.offset), *lattice(values, filled))
    yield from jumps or seams(values, filled)


def _anatomy(
    volumes: Mapping[str, NDArray[Any]], specs: Mapping[str, ArraySpec], ordered: Mapping[str, float | str]
) -> Iterator[str]:
    if not {"image", "label"} <= specs.keys():
        return
    spec = specs["label"]
    voxel_ml = float(np.prod(spec.spacing_mm)) / 1000
    yield from brain_volume(volumes["label"], voxel_ml, spec)
    yield from tissue_order(volumes["image"], volumes["label"], spec.labels or {}, ordered.get("contrast"))
