"""What differs between two versions of a data set: from manifests, recipes and tables, never from voxels.

The comparisons are pure functions on values that were read before; `comparing` reads them.
"""

from __future__ import annotations

from .changes_file import ChangesFile
from .comparing import diff
from .fields import FieldChange
from .result import ColumnChange, Diff, Example, FileChanges, Move, RejectedChanges, SampleChanges, Side

__all__ = [
    "ChangesFile",
    "ColumnChange",
    "Diff",
    "Example",
    "FieldChange",
    "FileChanges",
    "Move",
    "RejectedChanges",
    "SampleChanges",
    "Side",
    "diff",
]
