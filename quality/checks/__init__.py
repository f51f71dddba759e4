"""What is looked at in one sample: each check is a file, and gives reason codes."""

from __future__ import annotations

from .meanings import MEANINGS

__all__ = ["MEANINGS"]
