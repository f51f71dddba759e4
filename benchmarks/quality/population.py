"""A population whose faults are known: people of the atlas backend, spoilt in one way each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from scipy import ndimage

from voxpress.generation.cohort import draw_cohort
from voxpress.generation.recipe import default_recipe
from voxpress.generation.registry import load_backend
from voxpress.quality.conditions.refusals import Refusals
from voxpress.quality.conditions.scoring import table_scores
from voxpress.quality.features import FeatureSet
from voxpress.quality.features.copy_dct import CopyDct
from voxpress.quality.features.morphometry import LabelVolumes, Morphometry
from voxpress.quality.features.random_conv import RandomConv
from voxpress.quality.features.sign_hash import SignHash, sign_hashes
from voxpress.quality.features.spectrum import RadialSpectrum
from voxpress.quality.volume import Volume

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from concurrent.futures import Executor

    from voxpress.generation.backend import Order
    from voxpress.generation.recipe import Recipe
    from voxpress.quality import Score

EXTRACTORS = (RandomConv(), RadialSpectrum(), Morphometry(), CopyDct())
FIELD_MM = (160, 224, 160)
BLUR_VOXELS = 0.5
LOUDER = 1.5


@dataclass(frozen=True, kw_only=True)
class Person:
    """One order as it was made, and spoilt in some ways.

    Attributes:
        order: what was ordered.
        measured: what its volumes show.
        vectors: spoil → extractor → vector.
        images: spoil → voxels.
    """

    order: Order
    measured: dict[str, float]
    vectors: dict[str, dict[str, np.ndarray]]
    images: dict[str, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Group:
    """A set: its features, and its images to compare in pairs."""

    features: dict[str, FeatureSet]
    volumes: list[Volume]


def recipe_of(spacing: float, samples: int, seed: int) -> Recipe:
    """A recipe of T1w scans of a population of middle and old age."""
    shape = ",".join(str(round(side / spacing)) for side in FIELD_MM)
    grid = [f"image.shape={shape}", f"image.spacing_mm={spacing},{spacing},{spacing}"]
    return default_recipe(sets=[*grid, "age=45:82", "contrast=T1w"], samples=samples, seed=seed)


@cache
def backend_of(spacing: float):
    """The backend of this process."""
    return load_backend("atlas", {}, recipe_of(spacing, 1, 0).grid)


def orders_of(spacing: float, samples: int, seed: int) -> list[Order]:
    """The people of a seed."""
    plan = draw_cohort(recipe_of(spacing, samples, seed), backend_of(spacing))
    return [plan.order(row) for row in range(plan.rows)]


def with_ventricles(order: Order, factor: float) -> Order:
    """The same person and seed, with larger ventricles."""
    volume = round(factor * order.conditions["ventricular_volume_ml"], 2)
    return replace(order, conditions={**order.conditions, "ventricular_volume_ml": volume})


def make(pool: Executor, spacing: float, orders: list[Order], spoils: dict[int, tuple[str, ...]]) -> list[Person]:
    """People on all cores; those whose anatomy the backend could not make are left out.

    Args:
        pool: processes.
        spacing: of the voxels in mm.
        orders: who.
        spoils: row → what is done to the image; as it is by default.
    """
    tasks = [(spacing, order, spoils.get(row, ("",))) for row, order in enumerate(orders)]
    return [person for person in pool.map(_one, tasks, chunksize=2) if person is not None]


def group(people: Iterable[tuple[Person, str]], spacing: float) -> Group:
    """People, each spoilt in one way, as a set."""
    chosen = list(people)
    ids = tuple(f"{row}-{person.order.index}" for row, (person, _) in enumerate(chosen))
    features = {
        e.name: FeatureSet(
            name=e.name,
            feature_id=e.feature_id,
            ids=ids,
            values=np.stack([person.vectors[spoil][e.name] for person, spoil in chosen]),
        )
        for e in (*EXTRACTORS, structures(spacing))
    }
    hashes = sign_hashes(features["copy_dct"].values).astype(np.float32)
    features["sign_hash"] = FeatureSet(name="sign_hash", feature_id=SignHash.feature_id, ids=ids, values=hashes)
    return Group(features=features, volumes=[_volume(person.images[spoil], spacing) for person, spoil in chosen])


def structures(spacing: float) -> LabelVolumes:
    """The volumes of what the label maps name."""
    (label,) = [output for output in backend_of(spacing).outputs if output.kind == "label"]
    return LabelVolumes({value: name for value, name in label.labels.items() if value})


def condition_scores(there: list[Person], gone: list[Person], asked: dict[int, Order]) -> dict[str, Score]:
    """Whether a set is what was ordered, by id.

    Args:
        there: people of the set.
        gone: who was ordered too, and is not there.
        asked: index → what was ordered, where that is not what was made.
    """
    names = ("age", "sex", "ventricular_volume_ml", "intracranial_volume_ml")
    rows = [
        {
            "sample_id": str(number),
            **{name: asked.get(person.order.index, person.order).conditions[name] for name in names},
            **{f"measured_{name}": value for name, value in person.measured.items() if name in names},
        }
        for number, person in enumerate([*there, *gone])
    ]
    table = pa.Table.from_pylist(rows)
    holes = table.slice(len(there)).select(["sample_id", *names])
    refusals = Refusals(
        attempts=dict.fromkeys(holes["sample_id"].to_pylist(), 1),
        reasons={"REVIEW": len(gone)} if gone else {},
        holes=holes,
    )
    scores, _, _ = table_scores(table.slice(0, len(there)), names, refusals=refusals, gone=len(gone))
    return {score.id: score for score in scores}


def _one(task: tuple[float, Order, tuple[str, ...]]) -> Person | None:
    spacing, order, spoils = task
    (sample,) = backend_of(spacing).generate([order])
    if sample.faults:
        return None
    images = {spoil: _spoilt(sample.volumes["image"], order, spoil) for spoil in spoils}
    vectors = {spoil: {e.name: e.embed(_volume(image, spacing)) for e in EXTRACTORS} for spoil, image in images.items()}
    parts = structures(spacing)
    labelled = replace(
        _volume(sample.volumes["image"], spacing),
        label=sample.volumes["label"],
        labels={0: "background", **parts.labels},
    )
    for each in vectors.values():
        each[parts.name] = parts.embed(labelled)
    return Person(
        order=order,
        measured=dict(sample.measured),
        vectors=vectors,
        images={k: image.astype(np.float16) for k, image in images.items()},
    )


def _spoilt(image: np.ndarray, order: Order, spoil: str) -> np.ndarray:
    """What happens to the image; the background stays exactly 0."""
    kind, _, number = spoil.partition(" ")
    spoil_by: dict[str, Callable[[], np.ndarray]] = {
        "": lambda: image,
        "blur": lambda: ndimage.gaussian_filter(image, BLUR_VOXELS),
        # with what is there already it adds up to so many times the noise
        "noise": lambda: _noisy(image, order, 0, order.conditions["noise"] * np.sqrt(LOUDER**2 - 1)),
        # the same people scanned again: noise of its own, so that no two are the same file
        "again": lambda: _noisy(image, order, int(number or 0), 0.005),
    }
    return np.where(image > 0, np.maximum(spoil_by[kind](), 1e-4), 0).astype(np.float32)


def _noisy(image: np.ndarray, order: Order, number: int, deviation: float) -> np.ndarray:
    noise = np.random.default_rng([order.seed, number]).normal(0, deviation, image.shape)
    return np.abs(image + noise)


def _volume(image: np.ndarray, spacing: float) -> Volume:
    affine = np.asarray(backend_of(spacing).affine, np.float64)
    return Volume(image=image.astype(np.float32), affine=affine, background=0.0)
