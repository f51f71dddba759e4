"""`voxpress repair`: what is missing or damaged is copied, fetched or made again."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from .console import Bar, printable

if TYPE_CHECKING:
    import argparse

    from ..generation.repair import Mend, RepairReport

__all__ = ["run"]

_UNITS: Final = {"verifying": ("verifying", "B"), "making": ("making again", " samples")}


def run(asked: argparse.Namespace) -> int:
    """Mends a data set, and says for each file what was done; 1 if something is left."""
    from ..generation.repair import repair

    with ExitStack() as stack:
        bars: dict[str, Bar] = {}

        def tell(what: str, done: int, total: int) -> None:
            if what not in bars:
                description, unit = _UNITS[what]
                bars[what] = stack.enter_context(Bar(description, unit=unit, unit_scale=unit == "B"))
            bars[what].tell(done, total)

        options = {"dry_run": asked.dry_run, "workers": asked.workers}
        report = repair(asked.path, source=asked.source, progress=tell, **options)
    if asked.json:
        print(json.dumps(report.to_json(), indent=1, ensure_ascii=False))
    else:
        print("\n".join(_lines(asked.path, report)))
    return 0 if report.ok else 1


def _lines(path: str, report: RepairReport) -> list[str]:
    if not report.mends:
        return [printable(f"{path} is sound: there is nothing to mend")]
    left = sum(not mend.how for mend in report.mends)
    mended = len(report.mends) - left
    would = "would be " if report.dry_run else ""
    rest = f"; {left:,} left" if left else "; nothing is left"
    return [*map(_line, report.mends), printable(f"{path}: {mended:,} {would}mended{rest}")]


def _line(mend: Mend) -> str:
    return printable(f"{mend.how or 'left'}: {mend.problem.path} ({mend.problem.kind}): {mend.message}")
