"""The quality report as one page: the verdict for a radiologist, every number for an engineer."""

from __future__ import annotations

from .document import Entry, Judged, Section, judged_from_json
from .html import report_html
from .writing import judged_of, write_report_page

__all__ = [
    "Entry",
    "Judged",
    "Section",
    "judged_from_json",
    "judged_of",
    "report_html",
    "write_report_page",
]
