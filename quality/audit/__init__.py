"""The memorisation audit: are samples copies of the people whom the generator was trained on?

`docs/audit.md` says what it finds, what it cannot find, and how it is computed.
"""

from __future__ import annotations

from .auditing import NO_TRAINING_SET, audit_set
from .control import COPIES
from .keeping import ScanSource, keep_for_audit
from .kept import KeptSets, is_model, open_kept
from .outcome import Audit, Suspected, SuspectPair

__all__ = [
    "COPIES",
    "NO_TRAINING_SET",
    "Audit",
    "KeptSets",
    "ScanSource",
    "SuspectPair",
    "Suspected",
    "audit_set",
    "is_model",
    "keep_for_audit",
    "open_kept",
]
