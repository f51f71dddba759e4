"""Does the atlas backend deliver what is ordered, and do its groups differ as the formulas say?

python benchmarks/atlas_fidelity.py [--subjects 200] [--spacing 1] [--group 12] [--write]
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from itertools import product
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from report import machine, table, write_section
from scipy import ndimage

from voxpress.generation.arrays import specs_of
from voxpress.generation.backend import Order, Sample
from voxpress.generation.cohort import draw_cohort
from voxpress.generation.recipe import Recipe, default_recipe
from voxpress.generation.registry import load_backend
from voxpress.quality import check_sample

DOCS = Path(__file__).parent.parent / "docs"
ORDERED = ("ventricular_volume_ml", "cortical_volume_ml", "wmh_volume_ml", "intracranial_volume_ml")
AGES, SEXES, DIAGNOSES = (40, 60, 80), ("F", "M"), ("CN", "MCI", "AD")


def concordance(x: np.ndarray, y: np.ndarray) -> float:
    """Lin's concordance correlation coefficient (Lin 1989, Biometrics 45:255)."""
    return 2 * np.cov(x, y, bias=True)[0, 1] / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)


def recipe_of(spacing: float, samples: int, seed: int, *sets: str) -> Recipe:
    """A recipe on the default field of view at a spacing."""
    shape = ",".join(str(round(side / spacing)) for side in (160, 224, 160))
    grid = [f"image.shape={shape}", f"image.spacing_mm={spacing},{spacing},{spacing}"]
    return default_recipe(sets=[*grid, *sets], samples=samples, seed=seed)


@cache
def backend_of(spacing: float):
    """The backend of this process."""
    recipe = recipe_of(spacing, 1, 0)
    return load_backend("atlas", {}, recipe.grid), specs_of(recipe, load_backend("atlas", {}, recipe.grid))


def seen_in_image(sample: Sample, voxel_ml: float) -> float:
    """Ventricles in ml by brightness alone: dark voxels in and 3 voxels around the label, joined to its middle."""
    image, label = sample.volumes["image"], sample.volumes["label"]
    ventricles = label == 1
    threshold = (np.median(image[ventricles]) + np.median(image[label == 5])) / 2
    near = ndimage.binary_dilation(ventricles, iterations=3) & (label != 2)
    return float(np.count_nonzero(near & (image < threshold))) * voxel_ml


def one(task: tuple[float, Order]) -> dict[str, object]:
    """Makes one sample and keeps its figures."""
    spacing, order = task
    backend, specs = backend_of(spacing)
    (sample,) = backend.generate([order])
    reasons = sample.faults or check_sample(sample.volumes, specs, measured=sample.measured, ordered=order.conditions)
    t1w = order.conditions["contrast"] == "T1w" and not reasons
    return {
        "reasons": reasons,
        "ordered": order.conditions,
        "measured": sample.measured,
        "seen": seen_in_image(sample, backend.grid.voxel_ml) if t1w else float("nan"),
    }


def make(pool: ProcessPoolExecutor, recipe: Recipe, spacing: float) -> list[dict[str, object]]:
    """All samples of a recipe, on all cores."""
    plan = draw_cohort(recipe, backend_of(spacing)[0])
    return list(pool.map(one, [(spacing, plan.order(i)) for i in range(plan.rows)]))


def fidelity(pool: ProcessPoolExecutor, subjects: int, spacing: float) -> str:
    """Ordered against measured."""
    made = make(pool, recipe_of(spacing, subjects, 1, "ventricular_volume_ml=8:80"), spacing)
    kept = [m for m in made if not m["reasons"]]
    rows = [agreement(f"`{name}`, label map", kept, name, [m["measured"][name] for m in kept]) for name in ORDERED]
    seen = [m["seen"] for m in kept]
    rows.append(agreement(f"`{ORDERED[0]}`, seen in the image", kept, ORDERED[0], seen))
    jacobian = [m["measured"]["minimum_jacobian"] for m in kept]
    head = ["condition, measured in", "ordered, ml", "CCC", "median error, %", "largest error, %"]
    return (
        f"{subjects} subjects at {spacing:g} mm; ventricles ordered evenly from 8 to 80 ml, the rest drawn from the "
        f"population; first attempts, {subjects - len(kept)} of them rejected. Machine: {machine()}.\n\n"
        f"{table(head, rows)}\n\nSmallest Jacobian determinant: {min(jacobian):.4f} in the worst subject, "
        f"{np.median(jacobian):.3f} in the median one; it is above 0, without folding, in all."
    )


def agreement(what: str, kept: list[dict[str, object]], ordered: str, measured: list[float]) -> list[object]:
    """One row: range of the order, concordance, median and largest relative error in percent."""
    x, y = np.array([m["ordered"][ordered] for m in kept]), np.array(measured)
    error = np.abs(y / x - 1) * 100
    span = f"{x.min():.1f}–{x.max():.1f}"
    return [what, span, f"{concordance(x, y):.5f}", f"{np.median(error):.3f}", f"{error.max():.3f}"]


def boundary(spacing: float) -> str:
    """The same subject with ventricles of 10 and of 70 ml."""
    backend, _ = backend_of(spacing)
    plan = draw_cohort(recipe_of(spacing, 10, 2, "age=60"), backend)
    moved = 0
    for index in range(plan.rows):
        order = plan.order(index)
        masks = []
        for volume in (10.0, 70.0):
            conditions = {**order.conditions, "ventricular_volume_ml": volume}
            changed = Order(index=index, attempt=0, seed=order.seed, conditions=conditions)
            masks.append(backend.generate([changed])[0].volumes["label"] > 0)
        moved += int(np.count_nonzero(masks[0] != masks[1]))
    return (
        f"The same 10 subjects with ventricles of 10 ml and of 70 ml: {moved} voxels of the outline of the brain moved."
    )


def groups(pool: ProcessPoolExecutor, size: int) -> str:
    """Measured means by age, sex and diagnosis against the formulas."""
    rows: list[list[object]] = []
    for age, sex, diagnosis in product(AGES, SEXES, DIAGNOSES):
        made = make(pool, recipe_of(2.0, size, age, f"age={age}", f"sex={sex}", f"diagnosis={diagnosis}"), 2.0)
        kept = [m for m in made if not m["reasons"]]
        known = {name: np.array([m["ordered"][name] for m in kept]) for name in ("age", "intracranial_volume_ml")}
        known |= {"sex": np.array([sex] * len(kept)), "diagnosis": np.array([diagnosis] * len(kept))}
        cells: list[object] = [age, sex, diagnosis, f"{np.mean(known['intracranial_volume_ml']):.0f}"]
        for condition in backend_of(2.0)[0].conditions:
            if condition.name in ("ventricular_volume_ml", "cortical_volume_ml"):
                expected = condition.population(known)
                mean = 10 ** expected.mean.mean() if expected.log10 else expected.mean.mean()
                values = np.array([m["measured"][condition.name] for m in kept])
                average = 10 ** np.log10(values).mean() if expected.log10 else values.mean()
                cells += [f"{average:.1f}", f"{mean:.1f}"]
        rows.append(cells)
        print(rows[-1], flush=True)
    head = ["age", "sex", "diagnosis", "head, ml", "ventricles, ml", "formula", "cortex, ml", "formula"]
    note = (
        f"{size} subjects a row at 2 mm, the same seeds in each age group; means of the measured volumes (ventricles: "
        "geometric), and of the formulas for the same heads."
    )
    return f"{note}\n\n{table(head, rows)}"


def main() -> None:
    """Measures and tells."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, default=200)
    parser.add_argument("--spacing", type=float, default=1.0)
    parser.add_argument("--group", type=int, default=30)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        tell(args, "fidelity", f"{fidelity(pool, args.subjects, args.spacing)}\n\n{boundary(args.spacing)}")
        tell(args, "groups", groups(pool, args.group))


def tell(args: argparse.Namespace, name: str, text: str) -> None:
    """Prints a section, and writes it into the document if that is asked for."""
    print(text, flush=True)
    if args.write:
        write_section(DOCS / "atlas.md", name, text)


if __name__ == "__main__":
    main()
