"""`voxpress qa`, sample by sample: every stored volume is checked and embedded once, in bounded memory."""

from __future__ import annotations

from .inspection import Inspection, inspect_store
from .samples import SAMPLES_NAME, read_reasons

__all__ = ["SAMPLES_NAME", "Inspection", "inspect_store", "read_reasons"]
