"""Sound quality reports for data sets of tests, made by the gate itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voxpress import store
from voxpress.quality.gate import judge_store

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["reported"]


def reported(root: Path, profile: str = "demo") -> Path:
    """The data set with a report that lets it be published."""
    standing = judge_store(store.open(root), profile)
    assert standing.may_be_published, standing.sentence
    return root
