"""`voxpress train`: scans, or a data set, become a model."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from .console import MistakeError, Stages, aligned, note, number, printable

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from ..training import Trained

__all__ = ["run"]

_OF_ONE = ("conditions", "plan", "sets", "name", "seed", "device", "licence", "tensorboard")
"""What a sweep's file says instead."""


def run(asked: argparse.Namespace) -> int:
    """Trains, and says what came of it."""
    from ..training import train

    if asked.sweep is not None:
        return _sweep(asked)
    if asked.address is not None:
        msg = f"--address is of a Ray cluster for a sweep, got {asked.address!r}; add --sweep FILE.yaml"
        raise MistakeError(msg)
    with Stages() as stages:
        done = train(
            asked.source,
            asked.output,
            table=asked.table,
            grid=asked.grid,
            key=asked.key,
            conditions=None if asked.conditions is None else [name.strip() for name in asked.conditions.split(",")],
            preset=asked.preset,
            plan=asked.plan,
            sets=asked.sets,
            name=asked.name,
            seed=asked.seed,
            device=asked.device,
            licence=asked.licence,
            tensorboard=asked.tensorboard,
            workers=asked.workers,
            progress=stages.tell,
        )
    if done.finished_before:
        note(f"{asked.output} was finished before; there was nothing to do")
    if done.report:
        print(*_lines(done, asked.output), sep="\n")
    return 0


def _sweep(asked: argparse.Namespace) -> int:
    """Trains many, and prints how they rank."""
    from ..training import sweep

    if given := [name for name in _OF_ONE if getattr(asked, name)]:
        option = {"sets": "set"}.get(given[0], given[0])
        msg = f"--{option} is for one training; in a sweep, write it into plan: of {asked.sweep}"
        raise MistakeError(msg)
    with Stages() as stages:
        results = sweep(
            asked.source,
            asked.output,
            asked.sweep,
            table=asked.table,
            grid=asked.grid,
            key=asked.key,
            preset=asked.preset,
            address=asked.address,
            workers=asked.workers,
            progress=stages.tell,
        )
    rows = [
        [
            "failed" if result.rank is None else f"{result.rank:.3g}",
            result.experiment.name,
            f"{result.figures['r']:.3f}" if "r" in result.figures else "",
            ", ".join(f"{name}={value}" for name, value in result.experiment.changes.items()),
            result.failed,
        ]
        for result in results
    ]
    print(*aligned([["mean rank", "experiment", "r", "tried", ""], *rows]), sep="\n")
    print(f"all figures: {printable(asked.output)}/sweep.csv · best model: {printable(results[0].folder)}")
    return 0


def _lines(done: Trained, output: str) -> Iterator[str]:
    report = done.report
    facts = report["facts"]
    yield f"{printable(output)}: {report['plan']['name']}, trained on {facts['subjects']:,} subjects"
    if report["fidelity"]:
        rows = [
            [name, f"{found['r']:.3f}", f"{found['slope']:.2f}", number(found["mae"])]
            for name, found in report["fidelity"].items()
        ]
        yield from aligned([["ordered against measured", "r", "slope", "mean error"], *rows])
    for name, reason in report["not_measured"].items():
        yield printable(f"not measured: {name}, {reason}")
    if report["not_audited"]:
        yield printable(f"nothing was kept for an audit: {report['not_audited']}")
    yield f"look at {printable(done.folder / 'samples.png')}"
    yield (
        f"next: a recipe with backend: {{name: trained, weights: {shlex.quote(output)}}}, then voxpress generate · "
        f"voxpress audit DATASET --train {shlex.quote(output)}"
    )
