"""What spreads shards over workers. An engine does not change a byte."""

from __future__ import annotations

from .local import run_local

__all__ = ["run_local"]
