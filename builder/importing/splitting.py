"""Which split each imported sample goes to. Pure.

By fractions, whole subjects are dealt, so that nobody is in two splits. Who goes where depends on nothing but the names
of the subjects.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from ...errors import FormatError
from .order import parse_fractions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...store.sheets import Sheet
    from .joining import Entry

__all__ = ["shared_subjects", "splits_of"]

_ONLY: Final = "train"
_SPLIT: Final = r"[A-Za-z0-9_]{1,64}"


def splits_of(entries: Sequence[Entry], split: str, sheet: Sheet | None) -> list[str]:
    """The split of each entry.

    Args:
        entries: all samples.
        split: as in `ImportOrder`.
        sheet: the table that a column is of.

    Raises:
        FormatError: there is no such column, or it holds what is no name of a split.
    """
    if not split:
        return [_ONLY] * len(entries)
    if "=" in split:
        return _dealt(entries, parse_fractions(split))
    if sheet is None:
        msg = f"there is no table with the column {split!r}; give one, or fractions such as train=0.8,test=0.2"
        raise FormatError(msg)
    names = sheet.column(split)
    found = [names[entry.row] if entry.row is not None else "" for entry in entries]
    if wrong := [name for name in found if not re.fullmatch(_SPLIT, name, flags=re.ASCII)]:
        msg = f"{sheet.source}: {split!r} must hold the name of a split ({_SPLIT}) in each row, got {wrong[0]!r}"
        raise FormatError(msg)
    return found


def shared_subjects(entries: Sequence[Entry], splits: Sequence[str]) -> list[str]:
    """Subjects that are in more than one split, sorted."""
    where = defaultdict(set)
    for entry, split in zip(entries, splits, strict=True):
        where[entry.subject].add(split)
    return sorted(subject for subject, names in where.items() if len(names) > 1)


def _dealt(entries: Sequence[Entry], fractions: dict[str, float]) -> list[str]:
    subjects = sorted({entry.subject for entry in entries}, key=lambda name: hashlib.sha256(name.encode()).digest())
    split_of: dict[str, str] = {}
    start, whole = 0, 0.0
    for name, fraction in fractions.items():
        whole += fraction
        stop = round(whole * len(subjects))
        split_of |= dict.fromkeys(subjects[start:stop], name)
        start = stop
    return [split_of[entry.subject] for entry in entries]
