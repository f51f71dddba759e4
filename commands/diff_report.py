"""What `voxpress diff` prints, for people and for programs."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ..store.diff.words import field_words, move_words, rejected_words, shown
from .console import aligned, printable, size

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from ..store.diff import ColumnChange, Diff, FieldChange, SampleChanges

__all__ = ["facts", "lines"]

_WHAT = ("added", "removed", "changed", "moved")
_FIELDS = {"recipe": "recipe", "lock": "lock", "schema": "columns", "arrays": "arrays"}
_MOST_FIELDS = 20


def facts(found: Diff, most: int) -> dict[str, Any]:
    """For programs: all counts, all that is no sample's, and the first samples of each kind.

    Args:
        found: what differs.
        most: samples of each kind.
    """
    samples = found.samples
    plain = {
        "same": found.same,
        "old": asdict(found.old),
        "new": asdict(found.new),
        "samples": {
            **{what: len(getattr(samples, what)) for what in _WHAT},
            "same": samples.same,
            "by_split": samples.by_split,
            "columns": [asdict(change) for change in samples.columns],
            "first": {what: getattr(samples, what).slice(0, most).to_pylist() for what in _WHAT},
            "moves": [asdict(move) for move in samples.moves],
        },
        **{name: [asdict(change) for change in getattr(found, name)] for name in _FIELDS},
        "rejected": asdict(found.rejected),
        "files": asdict(found.files),
    }
    told: dict[str, Any] = _without_nan(plain)
    return told


def lines(found: Diff, most: int) -> list[str]:
    """For people: counts by split, then what differs, one line each.

    Args:
        found: what differs.
        most: samples of each kind.
    """
    old, new = found.old, found.new
    if found.same:
        return [printable(f"the same: {old.name} {old.version}, {old.samples:,} samples, digest {old.digest}")]
    return [
        *aligned([(which, f"{s.name} {s.version}", s.digest, s.url) for which, s in (("old", old), ("new", new))]),
        "",
        *_counts(found),
        *map(printable, _samples(found.samples, most)),
        *map(printable, _rest(found)),
    ]


def _counts(found: Diff) -> list[str]:
    splits = list(dict.fromkeys((*found.new.splits, *found.old.splits)))
    counts = {"old": found.old.splits, **found.samples.by_split, "new": found.new.splits}
    rows: list[Sequence[object]] = [("samples", "all", *splits)]
    for what in ("old", "removed", "added", "new", "moved", "changed", "same"):
        each = [counts[what].get(split, 0) for split in splits]
        rows.append((what, *(f"{count:,}" for count in (sum(each), *each))))
    return aligned(rows)


def _samples(samples: SampleChanges, most: int) -> list[str]:
    told = [line for what in ("removed", "added") if (line := _ids(what, getattr(samples, what), most))]
    if len(samples.moved):
        told.append(f"moved: {_listed(move_words(samples), len(samples.moved))}")
    columns = [change for change in samples.columns if change.kind != "place"]
    if columns:
        told += ["", *aligned([("changed", "kind", "samples", "first"), *(_column(change) for change in columns)])]
    return ["", *told] if told else []


def _ids(what: str, ids: pa.Array, most: int) -> str:
    return f"{what}: {_listed(ids.slice(0, most).to_pylist(), len(ids))}" if len(ids) else ""


def _listed(first: Sequence[str], count: int) -> str:
    more = count - len(first)
    return ", ".join(first) + (f" and {more:,} more" if more else "")


def _column(change: ColumnChange) -> tuple[str, str, str, str]:
    first = change.examples[0] if change.examples else None
    example = f"{first.sample_id}: {_value(first.old)} → {_value(first.new)}" if first else ""
    return change.column, change.kind, f"{change.samples:,}", example


def _value(value: object) -> str:
    return shown(value, most=16)


def _rest(found: Diff) -> list[str]:
    told = [line for name, title in _FIELDS.items() for line in _fields(title, getattr(found, name))]
    if rejected := rejected_words(found.rejected):
        told.append(f"rejected: {rejected}")
    if found.old.format_version != found.new.format_version:
        told.append(f"format: version {found.old.format_version} → {found.new.format_version}")
    files = found.files
    counts = f"{files.added:,} added, {files.removed:,} removed, {files.changed:,} changed, {files.same:,} the same"
    told.append(f"files: {counts}; {size(files.new_bytes)} are new")
    if files.beside:
        told.append(f"files beside: {', '.join(files.beside)}")
    return ["", *told]


def _fields(title: str, changes: Sequence[FieldChange]) -> list[str]:
    told = [f"{title}: {change.name}  {field_words(change)}" for change in changes[:_MOST_FIELDS]]
    more = len(changes) - len(told)
    return [*told, f"{title}: {more:,} more (all with --json)"] if more else told


def _without_nan(value: Any) -> Any:
    """JSON has no NaN and no infinity: they are told as text."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {str(key): _without_nan(each) for key, each in value.items()}
    return [_without_nan(each) for each in value] if isinstance(value, list | tuple) else value
