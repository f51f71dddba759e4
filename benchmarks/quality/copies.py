"""Does the audit find copies, and how often does it accuse the innocent?

python benchmarks/quality/copies.py [--seed 2] [--train 400] [--holdout 160] [--clean 800] [--copies 100] [--write]

A pseudo-population: the MNI152 template at 3 mm under smooth random warps of 3 mm, with a size, a coil, a gain and
noise of each subject's own. The rules were settled on seed 1; what is reported is seed 2.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))
from report import machine, table, write_section

from voxpress.quality.audit.closeness import Closeness, TrainingSet
from voxpress.quality.audit.control import planted_copies
from voxpress.quality.audit.embedding import embedded
from voxpress.quality.audit.excess import share_interval
from voxpress.quality.audit.planting import COPY_KINDS
from voxpress.quality.audit.rules import people_for, rules_of
from voxpress.quality.audit.space import audit_space
from voxpress.quality.features.copy_dct import CopyDct
from voxpress.quality.volume import Volume

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCS = Path(__file__).parent.parent.parent / "docs"
SPACING_MM = 3.0
SHAPE = (54, 74, 54)
LEVELS = (0.001, 0.01, 0.05)
_WARP_MM, _CONTROL_MM = 3.0, 40.0
_SIZE_SD = 0.03
_NOISE, _COIL, _GAIN = 0.025, 0.1, 0.1


@cache
def template() -> np.ndarray:
    """The template's brain in a box of 162×222×162 mm, at 3 mm."""
    from nilearn.datasets import load_mni152_template

    whole = load_mni152_template(resolution=1).get_fdata(dtype=np.float32)
    box = whole[18:180, 7:229, :162]
    return box.reshape(54, 3, 74, 3, 54, 3).mean(axis=(1, 3, 5))


def smooth(random: np.random.Generator, spacing_mm: float) -> np.ndarray:
    """A cubic B-spline field of unit standard deviation on the box."""
    field, weights = None, []
    for size in SHAPE:
        places = np.arange(size) * SPACING_MM / spacing_mm + 1
        distance = np.abs(places[:, None] - np.arange(int(places[-1]) + 3)[None])
        near, far = 2 / 3 - distance**2 + distance**3 / 2, (2 - distance) ** 3 / 6
        weights.append(np.where(distance < 1, near, np.where(distance < 2, far, 0)))
    field = random.standard_normal([each.shape[1] for each in weights])
    for each in weights:
        field = np.tensordot(field, each, axes=(0, 1))
    scale = np.sqrt(np.prod([(each**2).sum(axis=1).mean() for each in weights]))
    return field / scale


def head(seed: int, number: int) -> Volume:
    """One subject's scan."""
    from scipy import ndimage

    random = np.random.default_rng([seed, number])
    middle = (np.asarray(SHAPE) - 1) / 2
    sizes = 1 + _SIZE_SD * random.standard_normal(3)
    places = [
        (index - middle[axis]) * sizes[axis] + middle[axis] + _WARP_MM / SPACING_MM * smooth(random, _CONTROL_MM)
        for axis, index in enumerate(np.indices(SHAPE, np.float32))
    ]
    clean = ndimage.map_coordinates(template(), np.stack(places), order=1)
    noise = random.standard_normal((2, *SHAPE)) * _NOISE
    seen = np.hypot(clean * np.exp(_COIL * smooth(random, 60.0)) + noise[0], noise[1])
    image = np.where(clean > 0.05, seen * np.exp(_GAIN * random.standard_normal()), 0).astype(np.float32)
    return Volume(image=image, affine=np.diag([SPACING_MM, SPACING_MM, SPACING_MM, 1.0]))


@dataclass(frozen=True)
class Heads:
    """Subjects `first` to `first + count` of a population, as a reference."""

    seed: int
    first: int
    count: int
    source: str = "pseudo-population"

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(f"head-{self.first + row}" for row in range(self.count))

    @property
    def subjects(self) -> tuple[str, ...]:
        return self.ids

    @property
    def digest(self) -> str:
        return f"heads/1 {self.seed} {self.first} {self.count}"

    def __len__(self) -> int:
        return self.count

    def volume(self, row: int) -> Volume:
        return head(self.seed, self.first + row)

    def volumes(self) -> Iterator[tuple[int, Volume]]:
        return ((row, self.volume(row)) for row in range(self.count))


@dataclass(frozen=True)
class Measured:
    """How close all are to the training set."""

    holdout: Closeness
    clean: Closeness
    planted: Closeness
    kinds: np.ndarray
    people: list[Closeness]


def measure(args: argparse.Namespace, folder: Path) -> Measured:
    """Embeds everybody, and compares."""

    def values(reference, name: str):
        def tell(done: int, total: int) -> None:
            print(f"\r{name}: {done} of {total}", end="" if done < total else "\n", file=sys.stderr, flush=True)

        return embedded(reference, CopyDct(), cache=folder, workers=args.workers, tell=tell)

    train = Heads(args.seed, 0, args.train)
    people = Heads(args.seed, args.train, args.holdout)
    clean = Heads(args.seed, args.train + args.holdout, args.clean)
    planted = planted_copies(train, count=args.copies * len(COPY_KINDS), seed=args.seed)
    known = values(train, "train")
    training = TrainingSet(known, train.subjects, audit_space(known, CopyDct()))
    sets = [training.closeness(values(each, name).values) for each, name in ((people, "holdout"), (clean, "clean"))]
    copies = training.closeness(values(planted, "copies").values)
    calibrated = [people_for(training, sets[0], level=level, seed=args.seed) for level in LEVELS]
    return Measured(holdout=sets[0], clean=sets[1], planted=copies, kinds=np.asarray(planted.kinds), people=calibrated)


def percent(count: int, total: int) -> str:
    """A share with its interval."""
    low, high = share_interval(count, total)
    return f"{count / total:.1%} ({low:.1%}–{high:.1%})"


def lines(found: Measured) -> str:
    """Recall by kind of copy and false positives, a column a level."""
    rows: list[list[object]] = []
    rules = [rules_of(people, level) for people, level in zip(found.people, LEVELS, strict=True)]
    for kind in COPY_KINDS:
        which = found.kinds == kind
        rows.append([kind, *(percent(int(rule.flagged(found.planted)[which].sum()), which.sum()) for rule in rules)])
    clean = len(found.clean)
    rows.append(["clean samples refused", *(percent(int(rule.flagged(found.clean).sum()), clean) for rule in rules)])
    for name in ("distance", "ratio", "hash"):
        shares = [percent(int(rule.flags(found.clean)[name].sum()), clean) for rule in rules]
        rows.append([f"… by the {name} alone", *shares])
    rows.append(["calibrated on", *(f"{len(people)} people" for people in found.people)])
    rows.append(["chance of each of distance and ratio", *(f"{rule.distance.attained:.2%}" for rule in rules)])
    return table(["planted copies found", *(f"at {level:.1%}" for level in LEVELS)], rows)


def main() -> None:
    """Measures and tells."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--train", type=int, default=400)
    parser.add_argument("--holdout", type=int, default=160)
    parser.add_argument("--clean", type=int, default=800)
    parser.add_argument("--copies", type=int, default=100, help="of each kind")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--cache", type=Path, help="where vectors are kept, to go on from")
    parser.add_argument("--write", action="store_true", help="write the table into docs/audit.md")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(args, args.cache or Path(folder))
    text = (
        f"{args.train} training subjects, {args.holdout} held out, {args.copies} copies of each kind, {args.clean} "
        f"clean samples; seed {args.seed}, 95 % intervals after Clopper and Pearson. Machine: {machine()}.\n\n"
        f"{lines(found)}"
    )
    print(text)
    if args.write:
        write_section(DOCS / "audit.md", "copies", text)


if __name__ == "__main__":
    main()
