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
_NONE: Final = "Nothing is known of what the checks would find. The memorisation audit was **not run**."
_NOT_TRIED: Final = "A network trained on these data and tested on real ones: not evaluated."
_WORD: Final = {verdict: verdict.value.replace("_", " ") for verdict in Verdict}


def verdict_line(facts: CardFacts) -> str:
    """The verdict in one line, for the top of the card."""
    judged = facts.judged
    if judged is None:
        why = f": {escape(facts.unjudged)}" if facts.unjudged else ""
        return f"Quality: **not judged**{why}."
    return f"Quality: **{_WORD[judged.verdict]}** (profile `{escape(judged.profile)}`). {escape(judged.summary)}"


def quality(facts: CardFacts) -> str:
    """The quality table, and the audit for itself."""
    judged = facts.judged
    if judged is None:
        return f"## Quality\n\n{verdict_line(facts)} {_NONE}\n\n{_NOT_TRIED}"
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
            reasons.setdefault(entry.because or entry.reason, []).append(entry.id)
    lines = [f"- NOT RUN: {', '.join(map(escape, names))}: {escape(reason)}" for reason, names in reasons.items()]
    return [*parts, *(["\n".join(lines)] if lines else [])]


def _row(entry: Entry) -> tuple[str, ...]:
    counted = ", ".join(f"{count:,} {name}" for name, count in entry.n.items())
    value = _number(entry.value, entry.interval, entry.unit) or entry.reason
    verdict = "told" if entry.verdict is None else _WORD[entry.verdict]
    return verdict, entry.id, value, _number(entry.floor, entry.floor_interval), counted, entry.feature_id


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
