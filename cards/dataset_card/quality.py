"""Sections of a card about quality: every score beside its floor, the memorisation audit, what was refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ...quality.scores import Verdict
from ..charts.axes import shown
from ..markdown import escape, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..report.document import Entry, Judged, Section
    from .facts import CardFacts, Refused

__all__ = ["quality", "refusals", "verdict_line"]

_HEAD: Final = ("verdict", "check", "value", "floor", "counted", "features")
_NONE: Final = """\
No quality report has been made of this version: nothing is known of what the checks would find. The memorisation audit
was **not run**."""
_STALE: Final = "**The report is of another version of the data**, so it says nothing about this one."
_NOT_TRIED: Final = "A network trained on these data and tested on real ones: not evaluated."
_WORD: Final = {verdict: verdict.value.replace("_", " ") for verdict in Verdict}


def verdict_line(facts: CardFacts) -> str:
    """The verdict in one line, for the top of the card."""
    judged = facts.judged
    if judged is None:
        return "Quality: **not judged** yet."
    if facts.stale:
        return f"Quality: **not judged**. {_STALE}"
    line = f"Quality: **{_WORD[judged.verdict]}** (profile `{escape(judged.profile)}`, {_tally(judged)})."
    if judged.override:
        line += f" It is published in spite of that, with this reason: {escape(judged.override)}"
    return line


def quality(facts: CardFacts) -> str:
    """The quality table, and the audit for itself."""
    judged = facts.judged
    if judged is None or facts.stale:
        return f"## Quality\n\n{_NONE if judged is None else _STALE}\n\n{_NOT_TRIED}"
    parts = ["## Quality", verdict_line(facts), _explained(judged)]
    parts += [part for section in judged.sections if section.id != "audit" for part in _section(section)]
    audit = next((section for section in judged.sections if section.id == "audit"), None)
    parts += ["### Memorisation audit", *_audit(audit), _NOT_TRIED]
    return "\n\n".join(parts)


def refusals(facts: CardFacts) -> str:
    """What the checks refused while the data were made; refusing changes who is in the set."""
    parts = ["### What was refused"]
    if facts.refused is None:
        parts.append(f"Samples that needed more than one attempt: {facts.retried:,}. Why was not recorded.")
        return "\n\n".join(parts)
    refused = facts.refused
    if not refused.reasons:
        return f"{parts[0]}\n\nNo attempt was refused."
    parts.append(
        table(("reason", "attempts refused"), [(name, f"{count:,}") for name, count in refused.reasons.items()])
    )
    if refused.groups:
        parts.append(table(("subgroup", "attempts refused", "samples", "refused per sample"), _groups(refused)))
    return "\n\n".join(parts)


def _tally(judged: Judged) -> str:
    counts = {verdict: sum(entry.verdict is verdict for entry in judged.entries) for verdict in Verdict}
    return ", ".join(f"{count} {_WORD[verdict]}" for verdict, count in counts.items() if count) or "no checks"


def _explained(judged: Judged) -> str:
    return (
        f"Thresholds are those of the profile `{escape(judged.profile)}`. The floor is the same score between two "
        "halves of real data; values are with 95 % intervals;\nNOT RUN means that nothing is known. All of it, with "
        "figures: [quality/report.html](quality/report.html)."
    )


def _section(section: Section) -> list[str]:
    title = section.title or section.id.capitalize()
    return [f"### {escape(title)}: {_WORD[section.verdict]}", *_scores(section.entries)] if section.entries else []


def _audit(section: Section | None) -> list[str]:
    if section is None or not section.entries:
        return ["**NOT RUN**: whether real patients' volumes were copied is not known."]
    return [f"**{_WORD[section.verdict]}**", *_scores(section.entries)]


def _scores(entries: Sequence[Entry]) -> list[str]:
    """A table of what ran, and the reasons of what did not."""
    run = [entry for entry in entries if entry.verdict is not Verdict.NOT_RUN or entry.value is not None]
    parts = [table(_HEAD, map(_row, run))] if run else []
    reasons: dict[str, list[str]] = {}
    for entry in entries:
        if entry not in run:
            reasons.setdefault(entry.reason or entry.sentence, []).append(entry.id)
    lines = [f"- NOT RUN: {', '.join(map(escape, names))}: {escape(reason)}" for reason, names in reasons.items()]
    return [*parts, *(["\n".join(lines)] if lines else [])]


def _row(entry: Entry) -> tuple[str, ...]:
    counted = ", ".join(f"{count:,} {name}" for name, count in entry.n.items())
    value = _number(entry.value, entry.interval, entry.unit) or entry.reason
    return _WORD[entry.verdict], entry.id, value, _number(entry.floor, entry.floor_interval), counted, entry.feature_id


def _number(value: float | None, interval: tuple[float, float] | None, unit: str = "") -> str:
    if value is None:
        return ""
    ends = "" if interval is None else f" ({shown(interval[0])} to {shown(interval[1])})"
    return f"{shown(value)} {unit}".strip() + ends


def _groups(refused: Refused) -> list[tuple[str, ...]]:
    groups: Mapping[str, tuple[int, int]] = refused.groups
    return [
        (name, f"{count:,}", f"{samples:,}", shown(count / samples) if samples else "")
        for name, (count, samples) in groups.items()
    ]
