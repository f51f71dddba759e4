"""Samples of a data set become NIfTI files, in a plain folder or in the layout of BIDS."""

from __future__ import annotations

from .exporting import Exported, export

__all__ = ["Exported", "export"]
