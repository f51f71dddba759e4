"""`voxpress generate`: a recipe becomes a data set."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from .. import press
from ..generation.shares import Share
from .console import Bar, MistakeError, note, printable, size
from .ordering import ordered, preparing

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from pathlib import Path

    from ..generation.factory import Progress
    from ..generation.recipe import Recipe
    from ..store import Cohort

__all__ = ["report", "run"]


def run(asked: argparse.Namespace) -> int:
    """Makes the data set, a share of it, or what is left when all shares are there; says what came of it."""
    share = _share(asked)
    recipe, folder = ordered(asked)
    note(preparing(recipe))
    if asked.finish:
        return _finish(asked, recipe, folder)
    with Bar("making", unit=" samples") as bar:

        def tell(progress: Progress) -> None:
            if progress.done and bar.shown is None:
                note(f"{progress.done:,} of {progress.samples:,} samples are there; making the others")
            bar.tell(progress.done, progress.samples)

        options: dict[str, Any] = {
            "people_folder": folder,
            "workers": asked.workers,
            "engine": asked.engine,
            "address": asked.address,
            "progress": tell,
            "features": not asked.no_features,
        }
        if share:
            done = press.generate_share(recipe, asked.output, (share.part, share.of), **options)
        else:
            pressed = press.fulfil(recipe, asked.output, **options)
    if share:
        _tell_ignored(done.ignored_columns)
        print(
            f"{printable(asked.output)}: share {share} is there, {done.shards:,} shards with {done.samples:,} samples"
        )
        print(f"next: when all {share.of} shares are there, {_command(asked)} --finish")
        return 0
    _tell_ignored(pressed.ignored_columns)
    if bar.shown is None:
        note(f"{asked.output} was finished before; there was nothing to make")
    report(pressed.cohort, asked.output)
    return 0


def _share(asked: argparse.Namespace) -> Share | None:
    if asked.engine == "local" and asked.address is not None:
        msg = f"--address is of a Ray cluster, got {asked.address!r}; add --engine ray"
        raise MistakeError(msg)
    try:
        return Share.read(asked.shards) if asked.shards is not None else None
    except ValueError as error:
        msg = f"--shards: {error}"
        raise MistakeError(msg) from None


def _finish(asked: argparse.Namespace, recipe: Recipe, folder: Path) -> int:
    features = not asked.no_features
    options: dict[str, Any] = {"people_folder": folder, "features": features, "command": _command(asked)}
    report(press.generate_finish(recipe, asked.output, **options), asked.output)
    return 0


def _command(asked: argparse.Namespace) -> str:
    """What was asked, but for what may differ between shares."""
    words = ["voxpress", "generate", *([asked.recipe] if asked.recipe is not None else [])]
    for option, value in (("--samples", asked.samples), ("--seed", asked.seed)):
        words += [option, str(value)] if value is not None else []
    for change in asked.sets:
        words += ["--set", change]
    words += ["-o", asked.output, *(["--no-features"] if asked.no_features else [])]
    return shlex.join(words)


def _tell_ignored(columns: Sequence[str]) -> None:
    if columns:
        note(f"no condition uses these columns of the people file: {', '.join(columns)}")


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
    remote = cohort.store.source.remote
    first = f"voxpress fetch {shell} -o DIR, to judge and publish it" if remote else f"voxpress verify {shell}"
    print(f"next: {first} · voxpress preview {shell} -o look.png · voxpress.open({path!r}) in Python")
