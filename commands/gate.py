"""`voxpress gate`: judges what was measured of a data set, and writes its quality report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .console import aligned, number, printable

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from ..quality.gate import Standing

__all__ = ["report_lines", "run"]

_JUDGED = ("INVALID", "FAIL", "WARN")
_MOST_NAMED = 4


def run(asked: argparse.Namespace) -> int:
    """Judges, and prints the verdict with what did not pass; exit code 1 if the data set may not be published."""
    from ..cards import write_report_page
    from ..quality.gate import judge_store
    from ..quality.people import people_in, people_table
    from ..store import open as open_store
    from ..store.sheets import read_sheet

    table = asked.reference_table
    reference = None if table is None else people_table(people_in(read_sheet(table)))
    cohort = open_store(asked.path)
    standing = judge_store(cohort, asked.profile, reference=reference)
    assert standing.report is not None
    write_report_page(cohort)
    if asked.json:
        print(standing.report.to_bytes().decode(), end="")
    else:
        print(*report_lines(standing), sep="\n")
    return 0 if standing.may_be_published else 1


def report_lines(standing: Standing) -> Iterator[str]:
    """The verdict, and what did not pass, worst first; what was not run for one reason is told together."""
    assert standing.report is not None
    entries = [entry for section in standing.report.document["sections"] for entry in section["entries"]]
    rows: list[Sequence[object]] = []
    for verdict in _JUDGED:
        rows += [_row(entry) for entry in entries if entry["verdict"] == verdict]
    if rows:
        yield from aligned(rows)
    for reason, ids in _not_run(entries).items():
        more = f" and {len(ids) - _MOST_NAMED:,} more" if len(ids) > _MOST_NAMED else ""
        yield printable(f"NOT_RUN {', '.join(ids[:_MOST_NAMED])}{more}: {reason}")
    yield printable(standing.sentence)


def _not_run(entries: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Reason → ids."""
    found: dict[str, list[str]] = {}
    for entry in entries:
        if entry["value"] is None and entry["verdict"] not in _JUDGED:
            # what is said of several kinds of features differs in their ids alone
            reason = str(entry["reason"] or entry["because"])
            if entry["feature_id"]:
                reason = reason.replace(f" {entry['feature_id']}", "")
            found.setdefault(reason, []).append(entry["id"])
    return found


def _row(entry: Mapping[str, Any]) -> Sequence[object]:
    value = "" if entry["value"] is None else number(entry["value"])
    return printable(entry["verdict"]), printable(entry["id"]), value, printable(entry["because"])
