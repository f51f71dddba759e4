"""`voxpress audit`: copies of training subjects."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .console import Stages, aligned, note, number, printable

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from ..memorisation import Audited
    from ..quality import Score

__all__ = ["run"]


def run(asked: argparse.Namespace) -> int:
    """Audits, and prints what came of it; exit code 1 if a sample is too close, or the audit is not valid."""
    from ..memorisation import audit

    with Stages() as stages:
        done = audit(
            asked.path,
            train=asked.train,
            holdout=asked.holdout,
            train_table=asked.train_table,
            holdout_table=asked.holdout_table,
            private=asked.private,
            copies=asked.copies,
            seed=asked.seed,
            workers=asked.workers,
            progress=stages.tell,
        )
    if asked.json:
        print(json.dumps(done.part.to_json() | {"quarantined": len(done.audit.quarantine)}, indent=2, allow_nan=False))
    else:
        print(*_lines(done), sep="\n")
    if done.private is not None:
        note(f"who is close to whom is in {done.private}; it names training subjects, so never publish it")
    return 1 if done.audit.quarantine or not done.audit.is_valid else 0


def _lines(done: Audited) -> Iterator[str]:
    manifest, audit = done.cohort.manifest, done.audit
    yield f"{printable(manifest.name)} {manifest.version}: {len(done.cohort):,} samples"
    yield from aligned([["score", "value", "95 % interval", ""], *map(_row, audit.scores)])
    yield from map(printable, audit.notes)
    if not audit.was_run:
        yield "NOT_RUN: nothing is known about copies"
        return
    if not audit.is_valid:
        yield "INVALID: too few of the planted copies were found, so that finding none would mean nothing"
    yield _suspects(done)


def _suspects(done: Audited) -> str:
    suspects = len(done.audit.quarantine)
    confirmed = sum("COPY_CONFIRMED" in each.reasons for each in done.audit.quarantine)
    if not suspects:
        return "no sample is too close to a training volume"
    if done.private is None:
        more = "give --private DIR to learn which"
    else:
        more = "see quarantine.json and pairs.parquet in the private folder"
    return f"{suspects:,} too close to a training volume, {confirmed:,} of them confirmed as copies; {more}"


def _row(score: Score) -> list[str]:
    value = "NOT_RUN" if score.value is None else number(score.value)
    interval = "" if score.interval is None else " to ".join(map(number, score.interval))
    return [score.id, value, interval, score.reason]
