"""`voxpress preview`: a picture of some samples, or a page to look through them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .card import spread, write_viewer
from .console import MistakeError
from .picture import png_path, write_png

if TYPE_CHECKING:
    import argparse

    from ..store import Cohort

__all__ = ["run"]


def run(asked: argparse.Namespace) -> int:
    """Draws the samples into a PNG or a page."""
    from ..cards import preview_cohort
    from ..store import open as open_store

    page = asked.output.lower().endswith(".html")
    path = Path(asked.output) if page else png_path(asked.output)
    cohort = open_store(asked.path)
    if asked.where:
        cohort = cohort.where(asked.where)
    rows = _rows(asked, cohort)
    if page:
        write_viewer(cohort, rows, path, label_overlay=not asked.no_overlay)
    else:
        picture = preview_cohort(cohort, rows, label_overlay=not asked.no_overlay)
        write_png(picture, path, synthetic=cohort.manifest.synthetic)
    print(f"{path}: {len(rows):,} of {len(cohort):,} samples")
    return 0


def _rows(asked: argparse.Namespace, cohort: Cohort) -> list[int]:
    where = f" for which {asked.where}" if asked.where else ""
    if not len(cohort):
        msg = f"{asked.path} has no sample{where}; ask for others"
        raise MistakeError(msg)
    if asked.rows is None:
        return spread(asked.n, len(cohort))
    try:
        rows = [int(row) for row in asked.rows.split(",")]
    except ValueError:
        msg = f"--rows must be whole numbers with commas between, such as 0,3,7, got {asked.rows!r}"
        raise MistakeError(msg) from None
    beyond = [row for row in rows if not 0 <= row < len(cohort)]
    if beyond:
        msg = f"--rows must be from 0 to {len(cohort) - 1}, the samples{where} of {asked.path}, got {beyond[0]}"
        raise MistakeError(msg)
    return rows
