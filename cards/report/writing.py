"""From `quality/report.json` in a store to `quality/report.html` beside it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ...errors import QualityError
from ...quality.gate import HTML_NAME, REPORT_NAME, check_report
from ...quality.parts import write_beside
from ...store import safe_path
from .document import judged_from_json
from .html import report_html
from .samples import choose, draw, figures_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pyarrow as pa

    from ...quality.gate import Standing
    from ...store.cohort import Cohort
    from .document import Judged
    from .samples import Shown

__all__ = ["FINDINGS", "judged_of", "write_report_page"]

FINDINGS: Final = "quality/samples.parquet"
"""Per-sample findings of `voxpress qa`."""


def write_report_page(cohort: Cohort) -> Path:
    """Writes the page of a store's report.

    Args:
        cohort: all of the data set, on this machine.

    Returns:
        the file.

    Raises:
        QualityError: the report is missing, of other data, or was edited; the message says what to do.
        StoreNotFoundError: the data set is not on this machine.
    """
    standing = check_report(cohort.path, cohort.manifest)
    judged = judged_of(standing)
    if judged is None:
        msg = f"no page can be made: {standing.sentence}"
        raise QualityError(msg)
    html = report_html(judged, samples=_samples(cohort), synthetic=cohort.manifest.synthetic)
    write_beside(cohort.path, HTML_NAME, html.encode())
    return cohort.path / HTML_NAME


def judged_of(standing: Standing) -> Judged | None:
    """The report of a standing; None where there is none that holds."""
    return None if standing.report is None else judged_from_json(standing.report.document, REPORT_NAME)


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
        inspection = json.loads((found.schema.metadata or {}).get(b"inspection", b"{}"))
        if inspection.get("manifest_sha256") != cohort.manifest.digest:
            return None
    except (pa.ArrowException, OSError, ValueError, AttributeError):
        return None
    ids = cohort.columns(["sample_id"])["sample_id"].to_pylist()
    places: dict[Any, int] = {name: row for row, name in enumerate(found["sample_id"].to_pylist())}
    if any(name not in places for name in ids):
        return None
    return found.take(np.asarray([places[name] for name in ids], dtype=np.int64))
