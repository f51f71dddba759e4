"""What the page says of verdicts and numbers, for people."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ...quality.scores import Verdict
from ..charts.axes import shown
from ..pages import text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..charts.marks import Role
    from .document import Entry, Judged, Section

__all__ = [
    "anchor",
    "badge",
    "capital",
    "counted",
    "meaning",
    "number",
    "role",
    "section_title",
    "sentence",
    "told",
    "tone",
]

_TONES: Final[dict[Verdict, Role]] = {
    Verdict.PASS: "good",
    Verdict.WARN: "warn",
    Verdict.FAIL: "bad",
    Verdict.INVALID: "bad",
    Verdict.NOT_RUN: "none",
}
# Colours are never alone: each word has a sign of its own.
_WORDS: Final = {
    Verdict.PASS: "✓ PASS",
    Verdict.WARN: "! WARN",
    Verdict.FAIL: "✕ FAIL",
    Verdict.INVALID: "✕ INVALID",
    Verdict.NOT_RUN: "– NOT RUN",
}
_MEANINGS: Final = {
    Verdict.PASS: "Everything that was judged passed.",
    Verdict.WARN: "No check failed, but some results are doubtful. Read them before you use the data.",
    Verdict.FAIL: "At least one check failed. Do not rely on these data before you have read which, and why.",
    Verdict.INVALID: "A check could not tell good from bad, so this report is no evidence. It has to be made again.",
    Verdict.NOT_RUN: "Checks that this profile asks for were not run. Nothing is known of what they would have found.",
}
_TITLES: Final = {
    "samples": "Single volumes",
    "set": "The set as a whole, beside real data",
    "conditions": "Ordered and measured",
    "audit": "Memorisation audit: copies of real patients",
    "release": "What is released",
}


def tone(verdict: Verdict | None) -> str:
    """Class of the style sheet."""
    return f"v-{role(verdict)}"


def role(verdict: Verdict | None) -> Role:
    """Colour of a verdict; that of text where nothing was judged."""
    return "ink" if verdict is None else _TONES[verdict]


def told(verdict: Verdict) -> str:
    """The verdict in capital letters, with its sign."""
    return _WORDS[verdict]


def badge(verdict: Verdict | None) -> str:
    """The verdict as HTML; a figure that is not judged is told for information."""
    if verdict is None:
        return '<span class="faint small">told</span>'
    return f'<span class="verdict {tone(verdict)}">{_WORDS[verdict]}</span>'


def meaning(judged: Judged) -> str:
    """What the verdict of a whole data set means, in a sentence or two; a pass is no word on what was not checked."""
    gone = sum(entry.verdict is Verdict.NOT_RUN for entry in judged.entries)
    more = f" {gone} checks were not run, and nothing is known of what they would find." if gone else ""
    return _MEANINGS[judged.verdict] + more


def anchor(section: Section) -> str:
    """Name of a section in addresses of the page."""
    return re.sub(r"[^A-Za-z0-9_-]", "-", section.id) or "section"


def capital(words: str) -> str:
    """Words as a sentence begins."""
    return words[:1].upper() + words[1:]


def section_title(section: Section) -> str:
    """Heading of a section."""
    return section.title or _TITLES.get(section.id, section.id)


def number(value: float | None, interval: tuple[float, float] | None, unit: str = "") -> str:
    """A number with its unit and interval as HTML; an empty text if there is none."""
    if value is None:
        return ""
    whole = f"{shown(value)} {unit}".strip()
    ends = (
        "" if interval is None else f'<br><span class="faint small">{shown(interval[0])} to {shown(interval[1])}</span>'
    )
    return text(whole) + ends


def counted(n: Mapping[str, int]) -> str:
    """What was counted, in words."""
    return ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in n.items())


def sentence(entry: Entry) -> str:
    """What a check asks and says, in plain words."""
    return " ".join(part for part in (entry.asks, entry.because or entry.reason) if part) or entry.id
