"""NIfTI files become a data set: found, joined with a table, surveyed, then written shard by shard."""

from __future__ import annotations

from .importing import Imported, import_volumes
from .order import ImportOrder, parse_columns, parse_window

__all__ = ["ImportOrder", "Imported", "import_volumes", "parse_columns", "parse_window"]
