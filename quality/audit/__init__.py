"""The memorisation audit: are samples copies of the people whom the generator was trained on?

`docs/audit.md` says what it finds, what it cannot find, and how it is computed.
"""

from __future__ import annotations

from .auditing import audit_set
from .control import COPIES
from .outcome import Audit, Suspected, SuspectPair

__all__ = ["COPIES", "Audit", "SuspectPair", "Suspected", "audit_set"]
