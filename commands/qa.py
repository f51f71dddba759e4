"""`voxpress qa`: how good a data set is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .console import Stages, aligned, note, printable
from .gate import report_lines

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from ..judging import Judged

__all__ = ["run"]

_MOST_SHOWN = 20


def run(asked: argparse.Namespace) -> int:
    """Inspects, measures and judges, and prints what did not pass; exit code 1 if it may not be published."""
    from ..judging import judge

    with Stages() as stages:
        judged = judge(
            asked.path,
            profile=asked.profile,
            reference=asked.reference,
            reference_table=asked.reference_table,
            leakage=asked.leakage,
            pairs=asked.pairs,
            workers=asked.workers,
            progress=stages.tell,
            again=asked.again,
        )
    if not judged.inspection.read:
        note("every sample was inspected before; use --again to inspect them anew")
    standing = judged.standing
    assert standing.report is not None
    if asked.json:
        print(standing.report.to_bytes().decode(), end="")
    else:
        print(*_lines(judged), sep="\n")
    return 0 if standing.may_be_published else 1


def _lines(judged: Judged) -> Iterator[str]:
    manifest, inspection = judged.cohort.manifest, judged.inspection
    yield f"{printable(manifest.name)} {manifest.version}: {len(inspection.ids):,} samples"
    if inspection.reasons:
        rows = [[name, ", ".join(codes)] for name, codes in inspection.reasons.items()]
        yield from aligned([["sample", "wrong"], *rows[:_MOST_SHOWN]])
        if len(rows) > _MOST_SHOWN:
            yield f"… and {len(rows) - _MOST_SHOWN:,} more: quality/samples.parquet"
    for extractor, reason in inspection.failed.items():
        yield printable(f"no features {extractor} of some samples: {reason}")
    for extractor, reason in judged.failed.items():
        yield printable(f"no features {extractor} of the reference: {reason}")
    yield from report_lines(judged.standing)
    yield f"All of it is in {printable(judged.cohort.path / 'quality' / 'report.html')}"
