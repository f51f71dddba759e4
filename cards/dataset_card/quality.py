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

_HEAD: Final = ("verdict", "check", "value", "floor", "counted", "features", "why")
_MOST_NAMES: Final = 3
_NONE: Final = "Nothing is known of what the checks would find. The memorisation audit was **not run**."
_NOT_TRIED: Final = "A network trained on these data and tested on real ones: not evaluated."
_WORD: Final = {verdict: verdict.value.replace("_", " ") for verdict in Verdict}


def verdict_line(facts: CardFacts) -> str:
    """The verdict in one line, for the top of the card."""
    judged = facts.judged
    if judged is None:
        why = f": {escape(facts.unjudged)}" if facts.unjudged else ""
        return f"Quality: **not judged**{why}."
    return f"Quality: **{_WORD[judged.verdict]}**. {escape(judged.summary)}"


def quality(facts: CardFacts) -> str:
    """The quality table, and the audit for itself."""
    judged = facts.judged
    if judged is None:
        return f"## Quality\n\n{verdict_line(facts)} {_NONE}\n\n{_NOT_TRIED}"
    parts = ["## Quality", _explained(judged)]
    parts += [part for section in judged.sections if section.id != "audit" for part in _section(section)]
    audit = next((section for section in judged.sections if section.id == "audit"), None)
    parts += ["### Memorisation audit", *_audit(audit), _NOT_TRIED]
    return "\n\n".join(parts)


def refusals(facts: CardFacts) -> str:
    """What the checks refused while the data were made; refusing changes who is in the set."""
    parts = ["### What was refused"]
    if facts.refused is None:
        told = f"Samples that needed more than one attempt: {facts.retried:,}. Why was not recorded."
        parts.append(told if facts.retried else "No sample needed more than one attempt.")
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
    """A table of what was judged, the reasons of what did not run, and how much more the report tells."""
    judged = [entry for entry in entries if entry.verdict not in {None, Verdict.NOT_RUN}]
    parts = [table(_HEAD, map(_row, judged))] if judged else []
    reasons: dict[str, list[str]] = {}
    for entry in entries:
        if entry.verdict is Verdict.NOT_RUN:
            reasons.setdefault(entry.reason or entry.because, []).append(entry.id)
    lines = [f"- NOT RUN: {_names(names)}: {escape(reason)}" for reason, names in reasons.items()]
    told = sum(entry.verdict is None for entry in entries)
    lines += [f"- {told} more figures, told and not judged, are in the report."] if told else []
    return [*parts, *(["\n".join(lines)] if lines else [])]


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(map(escape, names[:_MOST_NAMES])) + more


def _row(entry: Entry) -> tuple[str, ...]:
    counted = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in entry.n.items())
    value = _number(entry.value, entry.interval, entry.unit)
    floor = _number(entry.floor, entry.floor_interval)
    verdict = "" if entry.verdict is None else _WORD[entry.verdict]
    return verdict, entry.id, value, floor, counted, entry.feature_id, entry.because


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
