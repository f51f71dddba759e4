"""From what a backend declares to what is stored."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from spheres_backend import SpheresBackend
from tiny_factory import order

from voxpress.errors import RecipeError
from voxpress.generation.arrays import quantised, specs_of
from voxpress.generation.backend import Output

CT = Output(name="image", kind="image", minimum=-1024, maximum=3071, background=-1024, unit="HU")
SIGNED = Output(name="image", kind="image", minimum=-500, maximum=1000, background=0, unit="HU")


def specs(output: Output | None = None, dtype: str = "uint8"):
    recipe = order(f"image.dtype={dtype}")
    backend = SpheresBackend({}, recipe.grid)
    if output is not None:
        backend = dataclasses.replace(backend, outputs=(output, backend.outputs[1]))
    return specs_of(recipe, backend)


def test_shape_affine_shards_and_labels_are_those_of_order_and_backend() -> None:
    both = specs()
    assert list(both) == ["image", "label"]
    for spec in both.values():
        assert (spec.shape, spec.shard_samples) == ((14, 16, 15), 2)
        assert spec.affine == ((1, 0, 0, -6.5), (0, 1, 0, -7.5), (0, 0, 1, -7), (0, 0, 0, 1))
    assert both["label"].labels == {0: "background", 1: "ball"}
    assert (both["label"].dtype, both["label"].scale, both["label"].unit) == ("uint8", 1, "")


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16"])
@pytest.mark.parametrize("output", [None, CT], ids=["0 to 1", "HU"])
def test_the_ends_of_the_range_are_exact_and_the_rest_is_near(dtype, output) -> None:
    spec = specs(output, dtype)["image"]
    low, high = (output.minimum, output.maximum) if output else (0, 1)
    values = np.linspace(low, high, 1001, dtype=np.float32)
    stored = quantised(values, spec)
    assert stored.dtype == dtype
    assert (stored[0], stored[-1]) == (0, np.iinfo(dtype).max)
    back = stored * spec.scale + spec.offset
    assert np.abs(back - values).max() <= 0.51 * spec.scale + 1e-6 * (high - low)


def test_what_leaves_the_range_is_clipped_and_does_not_wrap() -> None:
    stored = quantised(np.array([-9, -0.001, 1.001, 9], dtype=np.float32), specs()["image"])
    assert stored.tolist() == [0, 0, 255, 255]


def test_labels_are_stored_as_they_are() -> None:
    assert quantised(np.array([0, 7, 255], dtype=np.uint8), specs()["label"]).tolist() == [0, 7, 255]


def test_values_below_the_background_need_a_signed_type() -> None:
    spec = specs(SIGNED, "int16")["image"]
    stored = quantised(np.array([-500, 0, 1000], dtype=np.float32), spec)
    assert stored[1] == 0
    assert (stored * spec.scale + spec.offset).tolist() == pytest.approx([-500, 0, 1000], abs=spec.scale)
    for dtype in ("uint8", "uint16"):
        with pytest.raises(RecipeError, match=f"must be int16, got {dtype}: the array 'image' .* goes down to -500"):
            specs(SIGNED, dtype)
