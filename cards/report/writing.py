"""From `quality/report.json` in a store to `quality/report.html` beside it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ...errors import StoreNotFoundError
from ...store import safe_path, write_atomic
from ...store.files import read_whole
from ...store.parsing import parse_json
from ..origin import is_synthetic
from .document import judged_from_json
from .html import report_html
from .samples import choose, draw, figures_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pyarrow as pa

    from ...store.cohort import Cohort
    from .document import Judged
    from .samples import Shown

__all__ = ["FINDINGS", "REPORT", "REPORT_PAGE", "read_judged", "write_report_page"]

REPORT: Final = "quality/report.json"
REPORT_PAGE: Final = "quality/report.html"
FINDINGS: Final = "quality/samples.parquet"
"""Per-sample findings of `voxpress qa`."""

_SCRATCH: Final = "quality/.scratch-page"
_MOST_BYTES: Final = 256 * 2**20


def write_report_page(cohort: Cohort) -> Path:
    """Writes the page of a store's report.

    Args:
        cohort: all of the data set, on this machine.

    Returns:
        the file.

    Raises:
        StoreNotFoundError: the data set has no report yet, or is not on this machine.
        FormatError: the report is not one.
    """
    judged = read_judged(cohort.path)
    if judged is None:
        msg = f"there is no {REPORT} in {cohort.path}; make it with `voxpress qa {cohort.path}`"
        raise StoreNotFoundError(msg)
    html = report_html(
        judged,
        samples=_samples(cohort),
        synthetic=is_synthetic(cohort.manifest),
        stale=judged.manifest_sha256 != cohort.manifest.digest,
    )
    target = cohort.path / REPORT_PAGE
    write_beside(cohort.path, REPORT_PAGE, html.encode())
    return target


def read_judged(root: Path) -> Judged | None:
    """The report of a store; None if it has none. It may be stale: see its `manifest_sha256`.

    Raises:
        FormatError: the file is no report.
        CorruptError: it is too large, or no plain file.
        UnsafePathError: it is a link that leads out of the store.
    """
    path = safe_path(root, REPORT)
    if not path.exists():
        return None
    return judged_from_json(parse_json(read_whole(path, REPORT, most=_MOST_BYTES), str(path)), REPORT)


def write_beside(root: Path, relative: str, data: bytes) -> None:
    """Writes a file that the manifest does not list, whole or not at all, and leaves no scratch folder.

    Args:
        root: folder of the store.
        relative: path in it.
        data: all bytes.
    """
    scratch = root / _SCRATCH
    try:
        write_atomic(safe_path(root, relative), data, scratch=scratch)
    finally:
        with suppress(OSError):
            scratch.rmdir()


def _samples(cohort: Cohort) -> list[Shown]:
    findings = _findings(cohort)
    table = cohort.columns([*cohort.measures]) if findings is None else findings
    refused: Sequence[int] = ()
    if findings is not None and "reasons" in findings.column_names:
        refused = [row for row, reasons in enumerate(findings["reasons"].to_pylist()) if reasons]
    choice = choose(figures_of(table), refused) if len(cohort) > 1 else None
    return [] if choice is None else draw(cohort, choice)


def _findings(cohort: Cohort) -> pa.Table | None:
    """What `voxpress qa` found, one row a sample in the order of the cohort; None where it is not of these samples."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = safe_path(cohort.path, FINDINGS)
    if not path.exists():
        return None
    try:
        found = pq.read_table(path)
    except (pa.ArrowException, OSError):
        return None
    ids = cohort.columns(["sample_id"])["sample_id"].to_pylist()
    places: dict[Any, int] = {name: row for row, name in enumerate(found["sample_id"].to_pylist())}
    if any(name not in places for name in ids):
        return None
    return found.take(np.asarray([places[name] for name in ids], dtype=np.int64))
