"""`voxpress card`: the data set card, its pictures and `croissant.json`, or what is wrong with the card."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .console import Bar, MistakeError, note, printable
from .picture import check_folder

if TYPE_CHECKING:
    import argparse

    from ..store import Cohort

__all__ = ["run", "spread", "write_viewer"]

_MOST_SAMPLES = 200


def run(asked: argparse.Namespace) -> int:
    """Makes the card, or checks it; the exit code of a check is 1 if an error was found."""
    from ..store import open as open_store

    cohort = open_store(asked.path)
    _refuse_remote(cohort, asked.path)
    if asked.check:
        return _check(cohort)
    from ..cards import read_human, write_card
    from ..cards.report import write_report_page
    from ..quality.gate import HTML_NAME, check_report

    human = None if asked.human is None else read_human(Path(asked.human))
    written = list(write_card(cohort, human=human, repository=asked.repository or "", pictures=not asked.no_pictures))
    if check_report(cohort.path, cohort.manifest).report is not None:
        write_report_page(cohort)
        written.append(HTML_NAME)
    if asked.viewer is not None:
        write_viewer(cohort, spread(asked.n or _MOST_SAMPLES, len(cohort)), Path(asked.viewer))
        written.append(asked.viewer)
    print(*(printable(path) for path in written), sep="\n")
    _tell(cohort)
    return 0


def write_viewer(cohort: Cohort, rows: list[int], path: Path, *, label_overlay: bool = True) -> None:
    """Writes the page to look through samples.

    Raises:
        MistakeError: its folder is not there.
    """
    from ..cards import viewer_page

    check_folder(path)
    with Bar("drawing", unit="sample") as bar:
        html = viewer_page(cohort, rows, label_overlay=label_overlay, progress=bar.tell)
    path.write_text(html, encoding="utf-8")


def _check(cohort: Cohort) -> int:
    from ..cards import lint_card

    findings = lint_card(cohort.path, cohort.manifest)
    for finding in findings:
        print(printable(finding))
    errors = sum(finding.level == "error" for finding in findings)
    note(f"{errors} errors, {len(findings) - errors} warnings" if findings else "nothing is wrong with the card")
    return 1 if errors else 0


def _tell(cohort: Cohort) -> None:
    """How far the card is from being published."""
    from ..cards import lint_card

    findings = [finding for finding in lint_card(cohort.path, cohort.manifest) if finding.level == "error"]
    if findings:
        note(f"{len(findings)} things are missing or wrong before it can be published; see `voxpress card --check`")


def _refuse_remote(cohort: Cohort, path: str) -> None:
    if not (Path(path).expanduser() / "voxpress.json").is_file():
        msg = f"a card is written into a folder on this machine, and {cohort.url} is none; `voxpress fetch` it first"
        raise MistakeError(msg)


def spread(wanted: int, there: int) -> list[int]:
    """Rows from the first to the last at even distances."""
    count = min(wanted, there)
    return [row * (there - 1) // max(count - 1, 1) for row in range(count)]
