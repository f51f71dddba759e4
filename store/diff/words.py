"""What differs, in few words: shared by the report for people and the changelog."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .fields import FieldChange
    from .result import RejectedChanges, SampleChanges

__all__ = ["by_split", "field_words", "move_words", "rejected_words", "shown"]

_MOST_CHARACTERS = 100


def shown(value: Any, *, most: int = _MOST_CHARACTERS) -> str:
    """A value on one line, cut where it is long."""
    if value is None:
        return "nothing"
    plain = dict(value) if isinstance(value, Mapping) else value
    text = value if isinstance(value, str) else json.dumps(plain, ensure_ascii=False, default=str)
    text = " ".join(text.split()) or "''"
    return text if len(text) <= most else f"{text[: most - 1]}…"


def field_words(change: FieldChange) -> str:
    """``14 → 21``, without the name."""
    return f"{shown(change.old)} → {shown(change.new)}"


def by_split(samples: SampleChanges, what: str) -> str:
    """``train 5, test 2``, of one of the counts of `SampleChanges.by_split`."""
    return ", ".join(f"{split} {count:,}" for split, count in samples.by_split[what].items() if count)


def move_words(samples: SampleChanges) -> list[str]:
    """``balls-0000003 (train 2 → test 0)`` for each of the first samples that moved."""
    return [
        f"{move.sample_id} ({' '.join(map(str, move.old))} → {' '.join(map(str, move.new))})" for move in samples.moves
    ]


def rejected_words(rejected: RejectedChanges) -> str:
    """How many planned samples are missing anew, or no longer; empty if neither."""
    parts = {
        "more that no attempt made well enough": rejected.added,
        "no longer": rejected.removed,
        "with other attempts": rejected.changed,
    }
    return ", ".join(f"{len(each):,} {what}" for what, each in parts.items() if each)
