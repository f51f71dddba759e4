"""The built-in backend: ICBM 152 templates, deformed per subject. No weights, no network."""

from __future__ import annotations

from .backend import AtlasBackend

__all__ = ["AtlasBackend"]
