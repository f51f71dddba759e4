"""The quality report as one page: the verdict for a radiologist, every number for an engineer."""

from __future__ import annotations

from .document import Entry, Judged, Section, judged_from_json
from .html import report_html
from .writing import REPORT_PAGE, read_judged, write_report_page

__all__ = [
    "REPORT_PAGE",
    "Entry",
    "Judged",
    "Section",
    "judged_from_json",
    "read_judged",
    "report_html",
    "write_report_page",
]
