"""Which faults does which metric see, and does none fire where nothing is wrong?

A population of the atlas backend stands for real people; sets of it are spoilt in one way each.

python benchmarks/quality/faults.py [--subjects 160] [--spacing 3] [--pairs 150] [--write]
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context
from time import perf_counter
from typing import TYPE_CHECKING

from columns import CONDITIONS, DISTANCES, OTHERS, fired, rows_of
from documents import QUALITY, machine, table, write_section
from population import (
    BLUR_VOXELS,
    LOUDER,
    Group,
    Person,
    condition_scores,
    group,
    make,
    orders_of,
    structures,
    with_ventricles,
)

from voxpress.quality.sets import set_scores
from voxpress.quality.sets.ms_ssim import pair_similarities, random_pairs, scores_of_similarities

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import numpy as np

    from voxpress.quality.scores import Score

    People = list[tuple[Person, str]]

COLLAPSED_TO = 20
WIDER = 1.25
MEN = 0.8
REJECTED_ABOVE = 0.022
"""Ventricles as a share of the head above which a brain is rejected: about a quarter of this population."""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A set that is judged.

    Attributes:
        group: its features and images.
        conditions: scores of whether it is what was ordered, by id.
    """

    group: Group
    conditions: dict[str, Score]


def sets_of(pool: ProcessPoolExecutor, spacing: float, subjects: int) -> tuple[Group, dict[str, Judged]]:
    """The reference, and every set by its name."""
    reference = make(pool, spacing, orders_of(spacing, 2 * subjects, 1), {})
    holdout = make(pool, spacing, orders_of(spacing, subjects, 2), {})
    drawn = orders_of(spacing, round(1.7 * subjects), 3)
    scans = tuple(f"again {number}" for number in range(-(-subjects // COLLAPSED_TO)))
    spoils = {row: ("", "blur", "noise", *(scans if row < COLLAPSED_TO else ())) for row in range(subjects)}
    people = make(pool, spacing, drawn, spoils)
    wide = make(pool, spacing, [with_ventricles(order, WIDER) for order in drawn[:subjects]], {})
    good = [person for person in people if "blur" in person.vectors]
    few = [person for person in good if "again 0" in person.vectors]
    chosen: dict[str, People] = {
        "clean hold-out": as_they_are(holdout),
        "clean, other seed": as_they_are(good),
        f"blur, σ {BLUR_VOXELS} voxel": [(person, "blur") for person in good],
        f"noise × {LOUDER}": [(person, "noise") for person in good],
        f"mode collapse to {len(few)}": [(person, scan) for scan in scans for person in few][:subjects],
        f"ventricles + {100 * (WIDER - 1):.0f} %": as_they_are(wide),
        f"{MEN:.0%} men instead of 50 %": imbalanced(people, subjects),
        "large ventricles rejected": as_they_are(islice(filter(small_ventricles, people), subjects)),
    }
    ordered = {order.index: order for order in drawn}
    judged = {}
    for name, some in chosen.items():
        there = [person for person, _ in some]
        among = {person.order.index for person in there}
        # whom these two leave out had been ordered
        planned = people if name in list(chosen)[-2:] else []
        gone = [person for person in planned if person.order.index not in among]
        asked = ordered if there[0] in wide else {}
        judged[name] = Judged(group=group(some, spacing), conditions=condition_scores(there, gone, asked))
    return group(as_they_are(reference), spacing), judged


def as_they_are(people: Iterable[Person]) -> People:
    """People whose images are not spoilt."""
    return [(person, "") for person in people]


def imbalanced(people: list[Person], subjects: int) -> People:
    """Mostly men."""
    men = [person for person in people if person.order.conditions["sex"] == "M"][: round(MEN * subjects)]
    women = [person for person in people if person.order.conditions["sex"] == "F"][: round((1 - MEN) * subjects)]
    return as_they_are(men + women)


def small_ventricles(person: Person) -> bool:
    """As if a check had rejected every brain with large ventricles."""
    conditions = person.order.conditions
    return conditions["ventricular_volume_ml"] < REJECTED_ABOVE * conditions["intracranial_volume_ml"]


def similarities(some: Group, pairs: int, seed: int) -> np.ndarray:
    """MS-SSIM of random pairs."""
    return pair_similarities(some.volumes.__getitem__, random_pairs(len(some.volumes), pairs, seed=seed))


def measure(judged: Judged, reference: Group, alike: np.ndarray, pairs: int, spacing: float) -> dict[str, Score]:
    """All scores of a set by id."""
    some = judged.group
    parts = {"label_volumes": structures(spacing).components}
    scores, _, _ = set_scores(some.features, reference.features, components=parts)
    pair_scores = scores_of_similarities(similarities(some, pairs, 0), alike, n={"pairs": pairs})
    return {score.id: score for score in (*scores, *pair_scores)} | judged.conditions


def report(args: argparse.Namespace, found: dict[str, dict[str, Score]], sizes: dict[str, int]) -> str:
    """The section of the document."""
    said = (
        f"Subjects: {'; '.join(f'{name} {count}' for name, count in sizes.items())}. Voxels of {args.spacing:g} mm; "
        f"{args.pairs} pairs of each set for MS-SSIM. *Warns*, **fails** by the profile `research`."
    )
    parts = [
        said,
        "Value ÷ floor:",
        table(["set", *(column.head for column in DISTANCES)], list(rows_of(DISTANCES, found))),
        "Coverage and density as shares of their floors, the others as they are:",
        table(["set", *(column.head for column in OTHERS)], list(rows_of(OTHERS, found))),
        "Whether it is what was ordered (the larger ventricles were not; those whom the last two sets lack were):",
        table(["set", *(column.head for column in CONDITIONS)], list(rows_of(CONDITIONS, found))),
        "What fires:",
        table(["set", "fails", "warns"], list(fired(DISTANCES + OTHERS + CONDITIONS, found))),
    ]
    return "\n\n".join([*parts, f"Machine: {machine()}."])


def timed(what: str, work: Callable[[], object]):
    """What it gives, and a line of how long it took."""
    start = perf_counter()
    found = work()
    print(f"{what}: {perf_counter() - start:.0f} s", flush=True)
    return found


def main() -> None:
    """Measures and tells."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, default=160)
    parser.add_argument("--spacing", type=float, default=3.0)
    parser.add_argument("--pairs", type=int, default=150)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        reference, sets = timed("made", lambda: sets_of(pool, args.spacing, args.subjects))
    alike = timed("pairs of the reference", lambda: similarities(reference, args.pairs, 1))
    found = {
        name: timed(name, lambda some=some: measure(some, reference, alike, args.pairs, args.spacing))
        for name, some in sets.items()
    }
    sizes = {"reference": len(reference.volumes), **{name: len(some.group.volumes) for name, some in sets.items()}}
    text = report(args, found, sizes)
    print(text)
    if args.write:
        write_section(QUALITY, "faults", text)


if __name__ == "__main__":
    main()
