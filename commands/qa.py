"""`voxpress qa`: how good a data set is."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from .console import Bar, aligned, note, number, printable

if TYPE_CHECKING:
    import argparse

    from ..judging import Judged

__all__ = ["run"]

_MOST_SHOWN = 20


def run(asked: argparse.Namespace) -> int:
    """Inspects and measures, and prints what came of it; exit code 1 if a sample has something wrong."""
    from ..judging import judge

    with Bar("inspecting", unit=" samples") as bar:

        def tell(_: str, done: int, total: int) -> None:
            bar.tell(done, total)

        judged = judge(asked.path, workers=asked.workers, progress=tell, again=asked.again)
    if bar.shown is None:
        note("every sample was inspected before; use --again to inspect them anew")
    if asked.json:
        print(json.dumps(_plain(judged), indent=2, allow_nan=False))
    else:
        _report(judged)
    return 1 if judged.inspection.reasons else 0


def _plain(judged: Judged) -> dict[str, object]:
    return {
        "name": judged.cohort.manifest.name,
        "version": judged.cohort.manifest.version,
        "manifest_sha256": judged.cohort.manifest.digest,
        "parts": {
            name: {"scores": [asdict(score) for score in scores], "tables": tables, "figures": figures}
            for name, (scores, tables, figures) in judged.parts.items()
        },
    }


def _report(judged: Judged) -> None:
    manifest, inspection = judged.cohort.manifest, judged.inspection
    print(f"{printable(manifest.name)} {manifest.version}: {len(inspection.ids):,} samples")
    for scores, tables, _ in judged.parts.values():
        rows = [
            [score.id, "NOT_RUN" if score.value is None else number(score.value), score.reason]
            for score in scores
            if score.value != 0
        ]
        print(*aligned([["score", "value", ""], *rows]), sep="\n")
        if found := tables.get("samples", {}).get("rows"):
            shown = [[name, codes, apart] for name, codes, apart in found[:_MOST_SHOWN]]
            print(*aligned([["sample", "wrong", "apart from the others"], *shown]), sep="\n")
            if len(found) > _MOST_SHOWN:
                print(f"… and {len(found) - _MOST_SHOWN:,} more: quality/samples.parquet")
    for extractor, reason in inspection.failed.items():
        note(f"no features {extractor} of some samples: {reason}")
