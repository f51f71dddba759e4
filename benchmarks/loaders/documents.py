"""Where these scripts write what they found: the report of the folder above, and the documents."""

from __future__ import annotations

import sys
from pathlib import Path

_BENCHMARKS = Path(__file__).parent.parent
sys.path.append(str(_BENCHMARKS))

from report import machine, table, write_section  # noqa: E402 - found through the line above

__all__ = ["FORMAT", "PERFORMANCE", "machine", "table", "write_section"]

PERFORMANCE = _BENCHMARKS.parent / "docs" / "performance.md"
FORMAT = _BENCHMARKS.parent / "docs" / "format.md"
