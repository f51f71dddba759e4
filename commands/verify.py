"""`voxpress verify`: every byte against the manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .console import Bar, printable, size

if TYPE_CHECKING:
    import argparse

    from ..store import Problem

__all__ = ["run"]

_MOST_NAMED = 8


def run(asked: argparse.Namespace) -> int:
    """Checks a data set; 1 if anything is wrong with it."""
    from ..store import verify

    with Bar("verifying", unit="B", unit_scale=True) as bar:
        report = verify(asked.path, progress=bar.tell)
    for problem in report.problems:
        print(_line(problem, report.samples))
    if report.ok:
        print(f"{asked.path} is sound: {report.files:,} files, {size(report.bytes)}, as the manifest says")
        return 0
    many = len(report.problems)
    print(f"{asked.path} is not sound: {many:,} problem{'s' if many > 1 else ''} among {report.files:,} files")
    return 1


def _line(problem: Problem, everyone: int) -> str:
    named = ", ".join(problem.samples[:_MOST_NAMED])
    more = f" and {len(problem.samples) - _MOST_NAMED} more" if len(problem.samples) > _MOST_NAMED else ""
    whole = len(problem.samples) == everyone > _MOST_NAMED
    samples = f" (samples: {f'all {everyone:,}' if whole else named + more})" if named else ""
    return printable(f"{problem.kind}: {problem.message}{samples}")
