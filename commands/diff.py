"""`voxpress diff`: what differs between two data sets."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .diff_report import facts, lines

if TYPE_CHECKING:
    import argparse

    from ..store.diff import Diff

__all__ = ["run"]


def run(asked: argparse.Namespace) -> int:
    """Says it for people, for programs, or as a changelog; 1 if anything differs."""
    found = _compared(asked)
    if asked.changelog:
        from ..cards import changelog_entry

        print(changelog_entry(found), end="")
    elif asked.json:
        print(json.dumps(facts(found, asked.n), indent=1, ensure_ascii=False))
    else:
        print("\n".join(lines(found, asked.n)))
    return 0 if found.same else 1


def _compared(asked: argparse.Namespace) -> Diff:
    from ..store.diff import ChangesFile, diff

    file: Any = ChangesFile(Path(asked.parquet)) if asked.parquet else nullcontext()
    with file as changes:
        return diff(asked.old, asked.new, examples=asked.n, on_changes=changes and changes.add)
