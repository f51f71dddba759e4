"""What people read: the dataset card, the changelog, previews."""

from __future__ import annotations

from .changelog import change_points, changelog, changelog_entry
from .collection_card import collection_card
from .dataset_card import dataset_card
from .preview import Scan, preview, preview_cohort

__all__ = [
    "Scan",
    "change_points",
    "changelog",
    "changelog_entry",
    "collection_card",
    "dataset_card",
    "preview",
    "preview_cohort",
]
