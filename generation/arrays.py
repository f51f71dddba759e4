"""From what a backend declares to what is stored: array specs, and floats to integers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import RecipeError
from ..store import ArraySpec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from .backend import Backend, Output
    from .recipe import Recipe

__all__ = ["quantised", "specs_of"]


def specs_of(recipe: Recipe, backend: Backend) -> Mapping[str, ArraySpec]:
    """The arrays of a data set: those that the backend declares, stored as the recipe orders.

    Raises:
        RecipeError: the ordered type cannot hold the backend's values.
    """
    return {output.name: _spec(output, recipe, backend) for output in backend.outputs}


def quantised(values: NDArray[Any], spec: ArraySpec) -> NDArray[Any]:
    """Stored integers of a volume: the nearest to ``(value - offset) / scale``; a label map as it is."""
    if spec.kind == "label":
        return values.astype(spec.dtype, copy=False)
    limits = np.iinfo(spec.dtype)
    steps = (values - np.float32(spec.offset)) * np.float32(1 / spec.scale)
    stored: NDArray[Any] = np.clip(np.rint(steps), limits.min, limits.max).astype(spec.dtype)
    return stored


def _spec(output: Output, recipe: Recipe, backend: Backend) -> ArraySpec:
    affine = tuple(tuple(float(x) for x in row) for row in backend.affine)
    image = output.kind == "image"
    dtype = recipe.image.dtype if image else "uint8"
    # 0 is the background, so that it is exact and its chunks can be left out
    limits = np.iinfo(dtype)
    if image and output.minimum < output.background and limits.min == 0:
        msg = (
            f"image.dtype: must be int16, got {dtype}: the array {output.name!r} of this backend goes down to "
            f"{output.minimum:g}, below its background {output.background:g}, which is stored as 0"
        )
        raise RecipeError(msg)
    reach = max(output.maximum - output.background, output.background - output.minimum)
    return ArraySpec(
        name=output.name,
        kind=output.kind,
        dtype=dtype,
        shape=recipe.image.shape,
        shard_samples=recipe.shards.samples,
        affine=affine,
        scale=reach / int(limits.max) if image else 1.0,
        offset=output.background if image else 0.0,
        unit=output.unit if image else "",
        labels=output.labels,
    )
