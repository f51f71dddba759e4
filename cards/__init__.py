"""What people read: the data set card, the quality report, the changelog, previews."""

from __future__ import annotations

from .changelog import change_points, changelog, changelog_entry
from .collection_card import collection_card
from .croissant import croissant_document
from .dataset_card import CardFacts, Human, dataset_card, read_human
from .lint import Finding, lint_card, refuse_unfit
from .preview import Scan, preview, preview_cohort
from .report import report_html, write_report_page
from .viewer import viewer_page
from .writing import card_now, write_card

__all__ = [
    "CardFacts",
    "Finding",
    "Human",
    "Scan",
    "card_now",
    "change_points",
    "changelog",
    "changelog_entry",
    "collection_card",
    "croissant_document",
    "dataset_card",
    "lint_card",
    "preview",
    "preview_cohort",
    "read_human",
    "refuse_unfit",
    "report_html",
    "viewer_page",
    "write_card",
    "write_report_page",
]
