"""Which faults does which metric see, and does none fire where nothing is wrong?

A population of the atlas backend stands for real people; sets of it are spoilt in one way each.

python benchmarks/quality/faults.py [--subjects 200] [--spacing 3] [--pairs 150] [--write]
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice
from multiprocessing import get_context
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
from columns import DISTANCES, OTHERS, fired, rows_of
from documents import QUALITY, machine, table, write_section
from scipy import ndimage

from voxpress.generation.arrays import specs_of
from voxpress.generation.cohort import draw_cohort
from voxpress.generation.recipe import default_recipe
from voxpress.generation.registry import load_backend
from voxpress.quality import check_sample
from voxpress.quality.features import FeatureSet
from voxpress.quality.features.copy_dct import CopyDct
from voxpress.quality.features.morphometry import Morphometry
from voxpress.quality.features.random_conv import RandomConv
from voxpress.quality.features.sign_hash import SignHash
from voxpress.quality.features.spectrum import RadialSpectrum
from voxpress.quality.sets import ms_ssim_scores, set_scores
from voxpress.quality.volume import Volume

if TYPE_CHECKING:
    from collections.abc import Callable

    from voxpress.generation.backend import Order
    from voxpress.generation.recipe import Recipe
    from voxpress.quality.scores import Score

EXTRACTORS = (RandomConv(), RadialSpectrum(), Morphometry(), CopyDct(), SignHash())
FIELD_MM = (160, 224, 160)
AGES = "45:82"
COLLAPSED_TO = 20
BLUR_VOXELS = 0.5


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One set: what is ordered, and what is done to the images afterwards."""

    name: str
    seed: int
    sets: tuple[str, ...] = ()
    keep: Callable[[Order], bool] | None = None
    change: Callable[[Order], Order] | None = None
    spoil: str = ""


@dataclass(frozen=True, kw_only=True)
class Made:
    """A set: its features, and its images to compare in pairs."""

    features: dict[str, FeatureSet]
    volumes: list[Volume]
    rejected: int


def ordered(order: Order, **conditions: float) -> Order:
    """The same person and seed with other conditions."""
    return replace(order, conditions={**order.conditions, **conditions})


def louder(order: Order) -> Order:
    """Noise × 1.5."""
    return ordered(order, noise=round(1.5 * order.conditions["noise"], 4))


def wider(order: Order) -> Order:
    """Ventricles + 25 %."""
    return ordered(order, ventricular_volume_ml=round(1.25 * order.conditions["ventricular_volume_ml"], 2))


def not_atrophied(order: Order) -> bool:
    """As if a check had rejected every brain with large ventricles: a quarter of the population."""
    conditions = order.conditions
    return conditions["ventricular_volume_ml"] < 0.022 * conditions["intracranial_volume_ml"]


FAULTS = (
    Fault(name="clean hold-out", seed=2),
    Fault(name="clean, other seed", seed=3),
    Fault(name=f"blur, σ {BLUR_VOXELS} voxel", seed=3, spoil="blur"),
    Fault(name="noise × 1.5", seed=3, change=louder),
    Fault(name=f"mode collapse to {COLLAPSED_TO}", seed=3, spoil="collapse"),
    Fault(name="ventricles + 25 %", seed=3, change=wider),
    Fault(name="90 % men instead of 50 %", seed=4, sets=("sex={choice: {F: 0.1, M: 0.9}}",)),
    Fault(name="large ventricles rejected", seed=5, keep=not_atrophied),
)


def recipe_of(spacing: float, samples: int, seed: int, *sets: str) -> Recipe:
    """A recipe of T1w scans of the population."""
    shape = ",".join(str(round(side / spacing)) for side in FIELD_MM)
    grid = [f"image.shape={shape}", f"image.spacing_mm={spacing},{spacing},{spacing}"]
    return default_recipe(sets=[*grid, f"age={AGES}", "contrast=T1w", *sets], samples=samples, seed=seed)


@cache
def backend_of(spacing: float):
    """The backend of this process, and what its arrays are."""
    recipe = recipe_of(spacing, 1, 0)
    backend = load_backend("atlas", {}, recipe.grid)
    return backend, specs_of(recipe, backend)


def orders(spacing: float, fault: Fault, subjects: int) -> list[Order]:
    """The first subjects of a cohort that are kept, changed."""
    plan = draw_cohort(recipe_of(spacing, 4 * subjects, fault.seed, *fault.sets), backend_of(spacing)[0])
    drawn = (plan.order(row) for row in range(plan.rows))
    kept = list(islice((order for order in drawn if fault.keep is None or fault.keep(order)), subjects))
    assert len(kept) == subjects
    if fault.spoil == "collapse":
        kept = [replace(kept[row % COLLAPSED_TO], index=kept[row].index) for row in range(subjects)]
    return kept if fault.change is None else [fault.change(order) for order in kept]


def one(task: tuple[float, Order, str]) -> tuple[dict[str, np.ndarray], np.ndarray] | None:
    """Makes one volume, spoils it, embeds it; None where the checks of a sample reject it."""
    spacing, order, spoil = task
    backend, specs = backend_of(spacing)
    (sample,) = backend.generate([order])
    if sample.faults or check_sample(sample.volumes, specs, measured=sample.measured, ordered=order.conditions):
        return None
    image = spoilt(sample.volumes["image"], order, spoil)
    volume = volume_with(image, backend.affine)
    return {extractor.name: extractor.embed(volume) for extractor in EXTRACTORS}, image.astype(np.float16)


def spoilt(image: np.ndarray, order: Order, spoil: str) -> np.ndarray:
    """What happens to the image; the background stays exactly 0."""
    body = image > 0
    if spoil == "blur":
        return ndimage.gaussian_filter(image, BLUR_VOXELS) * body
    if spoil == "collapse":
        # scans of the same people again: other noise, so that no two are the same file
        noise = np.random.default_rng([7, order.index]).normal(0, 0.005, image.shape)
        return np.clip(image + noise.astype(np.float32), 1e-3, 1) * body
    return image


def volume_with(image: np.ndarray, affine: np.ndarray) -> Volume:
    """An image as the features take it."""
    return Volume(image=image.astype(np.float32), affine=np.asarray(affine, np.float64), background=0.0)


def make(pool: ProcessPoolExecutor, spacing: float, fault: Fault, subjects: int) -> Made:
    """A set on all cores."""
    wanted = orders(spacing, fault, subjects)
    found = list(pool.map(one, [(spacing, order, fault.spoil) for order in wanted], chunksize=4))
    kept = [(order, made) for order, made in zip(wanted, found, strict=True) if made is not None]
    ids = tuple(f"{fault.name}-{row}" for row in range(len(kept)))
    features = {
        extractor.name: FeatureSet(
            name=extractor.name,
            feature_id=extractor.feature_id,
            ids=ids,
            values=np.stack([made[0][extractor.name] for _, made in kept]),
        )
        for extractor in EXTRACTORS
    }
    affine = backend_of(spacing)[0].affine
    volumes = [volume_with(made[1], affine) for _, made in kept]
    return Made(features=features, volumes=volumes, rejected=subjects - len(kept))


def measured(made: Made, reference: Made, pairs: int) -> dict[str, Score]:
    """All scores of a set by id."""
    scores = [*set_scores(made.features, reference.features)[0]]
    sets = made.volumes, reference.volumes
    scores += ms_ssim_scores(sets[0].__getitem__, len(sets[0]), sets[1].__getitem__, len(sets[1]), pairs=pairs)
    return {score.id: score for score in scores}


def report(args: argparse.Namespace, found: dict[str, dict[str, Score]], rejected: dict[str, int]) -> str:
    """The section of the document."""
    said = (
        f"{args.subjects} subjects a set at {args.spacing:g} mm, {2 * args.subjects} in the reference, {args.pairs} "
        "pairs of each set for MS-SSIM. *Warns*, **fails** by the thresholds above. Samples that the checks rejected: "
        f"{', '.join(f'{name} {count}' for name, count in rejected.items() if count) or 'none'}."
    )
    parts = [
        said,
        "Value ÷ floor:",
        table(["set", *(column.head for column in DISTANCES)], list(rows_of(DISTANCES, found))),
        "Coverage and density as shares of their floors, the others as they are:",
        table(["set", *(column.head for column in OTHERS)], list(rows_of(OTHERS, found))),
        "What fires:",
        table(["set", "fails", "warns"], list(fired(DISTANCES + OTHERS, found))),
        f"Machine: {machine()}.",
    ]
    return "\n\n".join(parts)


def main() -> None:
    """Measures and tells."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, default=200)
    parser.add_argument("--spacing", type=float, default=3.0)
    parser.add_argument("--pairs", type=int, default=150)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    found, rejected = {}, {}
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        reference = make(pool, args.spacing, Fault(name="reference", seed=1), 2 * args.subjects)
        for fault in FAULTS:
            start = perf_counter()
            made = make(pool, args.spacing, fault, args.subjects)
            rejected[fault.name] = made.rejected
            between = perf_counter()
            found[fault.name] = measured(made, reference, args.pairs)
            print(
                f"{fault.name}: made in {between - start:.0f} s, measured in {perf_counter() - between:.0f} s",
                flush=True,
            )
    text = report(args, found, rejected)
    print(text)
    if args.write:
        write_section(QUALITY, "faults", text)


if __name__ == "__main__":
    main()
