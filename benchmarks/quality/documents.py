"""Where these scripts write what they found: the report of the folder above, and the documents."""

from __future__ import annotations

import sys
from pathlib import Path

_BENCHMARKS = Path(__file__).parent.parent
sys.path.append(str(_BENCHMARKS))

from report import machine, table, write_section  # noqa: E402 - found through the line above

__all__ = ["AUDIT", "QUALITY", "machine", "table", "write_section"]

QUALITY = _BENCHMARKS.parent / "docs" / "quality.md"
AUDIT = _BENCHMARKS.parent / "docs" / "audit.md"
