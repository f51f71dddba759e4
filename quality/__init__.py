"""What judges: quick checks of one sample before it is written."""

from __future__ import annotations

from .sample import MEANINGS, check_sample

__all__ = ["MEANINGS", "check_sample"]
