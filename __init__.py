"""voxpress: makes, judges, publishes and streams synthetic 3D medical data sets."""

from __future__ import annotations

__version__ = "0.1.0"
