"""The changelog of a data set: one entry a version, written from what differs from the version before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..store.diff.words import by_split, field_words, rejected_words
from .markdown import escape

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..store.diff import Diff, FieldChange

__all__ = ["change_points", "changelog", "changelog_entry"]

_MOST_FIELDS = 50
_ENTRY = "## "


def changelog(found: Diff, older: str | None) -> str:
    """Text of `CHANGELOG.md`: the entry of the new version, then those of the old version's own changelog.

    Args:
        found: what differs from the version before.
        older: `CHANGELOG.md` of that version, if it has one; its entries are kept as they are.

    Returns:
        Markdown, ending with a newline.
    """
    title = f"# Changelog\n\nWhat changed between the versions of {escape(found.new.name)}, newest first.\n"
    kept = _entries(older) if older is not None else ""
    if not kept:
        kept = f"{_ENTRY}{escape(found.old.version)}\n\n- {found.old.samples:,} {_noun(found.old.samples)}\n"
    return f"{title}\n{changelog_entry(found)}\n{kept}"


def changelog_entry(found: Diff) -> str:
    """The entry of one version; Markdown, ending with a newline."""
    since = f"Since {escape(found.old.version)} (digest `{found.old.digest}`):"
    return f"{_ENTRY}{escape(found.new.version)}\n\n{since}\n\n{change_points(found)}\n"


def change_points(found: Diff) -> str:
    """What differs, one point a line."""
    return "\n".join(f"- {point}" for point in (*_samples(found), *_rest(found)))


def _samples(found: Diff) -> Iterator[str]:
    samples = found.samples
    for what in ("added", "removed", "changed", "moved"):
        if count := len(getattr(samples, what)):
            where = {"removed": " (from ", "moved": " to another split or slot (now in "}.get(what, " (")
            yield f"{count:,} {_noun(count)} {what}{where}{escape(by_split(samples, what))})"
    columns = [f"{escape(each.column)} of {each.samples:,}" for each in samples.columns if each.kind != "place"]
    if columns:
        yield f"changed columns: {', '.join(columns)}"
    yield f"{samples.same:,} {_noun(samples.same)} unchanged"


def _rest(found: Diff) -> Iterator[str]:
    for what in ("recipe", "lock", "schema", "arrays"):
        title = "columns" if what == "schema" else what
        yield from (f"{title}: {point}" for point in _fields(getattr(found, what)))
    if rejected := rejected_words(found.rejected):
        yield f"rejected samples: {rejected}"
    if found.old.format_version != found.new.format_version:
        yield f"format version {found.old.format_version} → {found.new.format_version}"


def _fields(changes: Sequence[FieldChange]) -> Iterator[str]:
    # a version is the heading of its entry
    told = [change for change in changes if change.name != "version"]
    yield from (f"{escape(change.name)}: {escape(field_words(change))}" for change in told[:_MOST_FIELDS])
    if len(told) > _MOST_FIELDS:
        yield f"{len(told) - _MOST_FIELDS:,} more"


def _noun(count: int) -> str:
    return "sample" if count == 1 else "samples"


def _entries(text: str) -> str:
    """A changelog from its first entry on."""
    start = f"\n{text}".find(f"\n{_ENTRY}")
    return text[start:].rstrip() + "\n" if start >= 0 else ""
