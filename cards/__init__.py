"""What people read: the dataset card, previews."""

from __future__ import annotations

from .dataset_card import dataset_card
from .preview import Scan, preview, preview_cohort

__all__ = ["Scan", "dataset_card", "preview", "preview_cohort"]
