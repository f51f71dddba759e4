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
    """Checks a data set; 1 if anything is wrong with it, else the level of the samples that were made again."""
    from ..store import verify

    with Bar("verifying", unit="B", unit_scale=True) as bar:
        report = verify(asked.path, progress=bar.tell)
    for problem in report.problems:
        print(_line(problem, report.samples))
    if report.ok:
        print(f"{asked.path} is sound: {report.files:,} files, {size(report.bytes)}, as the manifest says")
        return _some_made_again(asked) if asked.regenerate else 0
    many = len(report.problems)
    print(f"{asked.path} is not sound: {many:,} problem{'s' if many > 1 else ''} among {report.files:,} files")
    return 1


def _some_made_again(asked: argparse.Namespace) -> int:
    """Makes some samples again; the exit code tells the level."""
    from ..generation.streams import uniforms
    from ..store import open as open_store
    from .regenerate import EXIT_CODES, lines, made_again

    ids = open_store(asked.path).columns(["sample_id"])["sample_id"].to_pylist()
    # the choice is the same on every machine, for whoever wants to check it
    picked = sorted(uniforms(asked.seed, "verify", len(ids)).argsort()[: asked.regenerate].tolist())
    done = made_again(asked.path, samples=[ids[row] for row in picked], workers=asked.workers)
    print("\n".join(lines(done)))
    return EXIT_CODES[done.level]


def _line(problem: Problem, everyone: int) -> str:
    named = ", ".join(problem.samples[:_MOST_NAMED])
    more = f" and {len(problem.samples) - _MOST_NAMED} more" if len(problem.samples) > _MOST_NAMED else ""
    whole = len(problem.samples) == everyone > _MOST_NAMED
    samples = f" (samples: {f'all {everyone:,}' if whole else named + more})" if named else ""
    return printable(f"{problem.kind}: {problem.message}{samples}")
