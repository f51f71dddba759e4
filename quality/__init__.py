"""What judges: checks of one sample, features of many, and what is measured from them."""

from __future__ import annotations

from .reference import Reference, open_reference
from .sample import MEANINGS, check_sample
from .scores import Interval, Score, Verdict, not_run
from .volume import Volume, volume_of

__all__ = [
    "MEANINGS",
    "Interval",
    "Reference",
    "Score",
    "Verdict",
    "Volume",
    "check_sample",
    "not_run",
    "open_reference",
    "volume_of",
]
