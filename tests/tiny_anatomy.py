"""One brain of the atlas at 2 mm, large enough for every check and feature, and ways to damage it."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from voxpress.generation.arrays import specs_of
from voxpress.generation.backend import Grid, Order
from voxpress.generation.backends.atlas import AtlasBackend
from voxpress.generation.recipe import default_recipe
from voxpress.quality import Volume

if TYPE_CHECKING:
    from collections.abc import Mapping

GRID = Grid(shape=(80, 112, 80), spacing_mm=(2.0, 2.0, 2.0))
SETS = ("image.shape=80,112,80", "image.spacing_mm=2,2,2")
USUAL = {
    "age": 60.0,
    "sex": "F",
    "diagnosis": "CN",
    "intracranial_volume_ml": 1450.0,
    "ventricular_volume_ml": 25.0,
    "cortical_volume_ml": 450.0,
    "wmh_volume_ml": 4.0,
    "contrast": "T1w",
    "noise": 0.02,
    "bias_field": 0.1,
    "resolution_mm": 1.2,
}


@lru_cache(maxsize=1)
def specs() -> Mapping[str, Any]:
    """Of the arrays."""
    recipe = default_recipe(sets=[*SETS], samples=1, seed=4)
    return specs_of(recipe, AtlasBackend({}, GRID))


@lru_cache(maxsize=16)
def made(seed: int = 7, **changes: Any) -> Any:
    """A sample; a test must not write to it."""
    order = Order(index=0, attempt=0, seed=seed, conditions={**USUAL, **changes})
    (sample,) = AtlasBackend({}, GRID).generate([order])
    for values in sample.volumes.values():
        values.flags.writeable = False
    return sample


def volume(seed: int = 7, **changes: Any) -> Volume:
    """The sample as features see it."""
    sample = made(seed, **changes)
    spec = specs()["label"]
    return of(sample.volumes["image"], sample.volumes["label"], dict(spec.labels))


def of(image: np.ndarray, label: np.ndarray | None = None, labels: Mapping[int, str] | None = None) -> Volume:
    """Any image on the grid of the brains."""
    affine = np.asarray(specs()["image"].affine)
    return Volume(image=np.asarray(image, np.float32), affine=affine, label=label, labels=labels or {})


def blurred(image: np.ndarray, sigma: float) -> np.ndarray:
    """Smoother; what was background stays so."""
    return np.where(image > 0, ndimage.gaussian_filter(image, sigma), 0).astype(np.float32)


def noisier(image: np.ndarray, sd: float, seed: int = 0) -> np.ndarray:
    """With more noise where the brain is."""
    noise = np.random.default_rng(seed).normal(0, sd, image.shape)
    return np.where(image > 0, np.clip(image + noise, 1 / 255, 1), 0).astype(np.float32)
