"""`voxpress generate`: a recipe becomes a data set."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from .console import Bar, note, printable, size
from .ordering import ordered, preparing

if TYPE_CHECKING:
    import argparse

    from ..generation.factory import Progress
    from ..store import Cohort

__all__ = ["report", "run"]


def run(asked: argparse.Namespace) -> int:
    """Makes the data set, and says what came of it."""
    from .. import press

    recipe, folder = ordered(asked)
    note(preparing(recipe))
    with Bar("making", unit=" samples") as bar:

        def tell(progress: Progress) -> None:
            if progress.done and bar.shown is None:
                note(f"{progress.done:,} of {progress.samples:,} samples are there; making the others")
            bar.tell(progress.done, progress.samples)

        pressed = press.fulfil(
            recipe,
            asked.output,
            people_folder=folder,
            workers=asked.workers,
            progress=tell,
            features=not asked.no_features,
        )
    if pressed.ignored_columns:
        note(f"no condition uses these columns of the people file: {', '.join(pressed.ignored_columns)}")
    if bar.shown is None:
        note(f"{asked.output} was finished before; there was nothing to make")
    report(pressed.cohort, asked.output)
    return 0


def report(cohort: Cohort, path: str) -> None:
    """Prints what a finished data set holds, and what to do with it next."""
    manifest = cohort.manifest
    splits = ", ".join(f"{name} {manifest.splits[name].samples:,}" for name in manifest.split_names)
    total = size(sum(file.bytes for file in manifest.files.values()))
    print(f"{printable(path)}: {manifest.name} {manifest.version}, {len(cohort):,} samples ({splits}), {total}")
    for rejection in manifest.rejected:
        reasons = sorted({reason for attempt in rejection.attempts for reason in attempt.reasons})
        tried = f"none of {len(rejection.attempts)} attempts passed the checks ({', '.join(reasons)})"
        print(printable(f"left out: {rejection.sample_id}, {tried}"))
    print(f"digest {manifest.digest}")
    shell = shlex.quote(path)
    print(f"next: voxpress verify {shell} · voxpress preview {shell} -o look.png · voxpress.open({path!r}) in Python")
