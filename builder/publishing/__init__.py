"""Publishing: a data set becomes an immutable version on the Hub, in a folder, or in object storage."""

from __future__ import annotations

from .contents import Contents, PublishedFile, read_contents
from .gate_check import record_overrides, standings_of, wanted_overrides
from .outcome import Published, Step
from .publishing import publish

__all__ = [
    "Contents",
    "Published",
    "PublishedFile",
    "Step",
    "publish",
    "read_contents",
    "record_overrides",
    "standings_of",
    "wanted_overrides",
]
