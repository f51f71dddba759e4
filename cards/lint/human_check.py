"""Whether people have written what only they know."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ..dataset_card import QUESTIONS
from ..dataset_card.blocks import section_of
from .finding import missing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..dataset_card.human import Question
    from .finding import Finding

__all__ = ["human_findings"]

_TEMPLATE: Final = re.compile(
    r"more information needed|\bto ?do\b|\bfixme\b|\bxxx+\b|\btb[ad]\b"
    r"|to be (?:added|announced|completed|decided|done|written)"
    r"|lorem ipsum|\b(?:insert|your) (?:text|name|answer)\b|\bplaceholder\b",
    flags=re.IGNORECASE,
)
_COMMENT: Final = re.compile(r"<!--.*?-->", flags=re.DOTALL)
_NOTHING: Final = re.compile(r"(?:none|nil|n\.?/?a\.?|not applicable|unknown|no|yes|-+|\.+)[.!]?", flags=re.IGNORECASE)
_ADDRESS: Final = re.compile(r"[\w.+-]+@[\w-]+\.\w+|https?://\S+\.\S+|(?<!\w)@[\w-]+")
_FEWEST_WORDS: Final = 4
_WORD: Final = re.compile(r"[^\W\d_]{2,}")


def human_findings(body: str) -> Iterator[Finding]:
    """What is still to be written.

    Args:
        body: of the card, below its header.
    """
    for question in QUESTIONS:
        answer = section_of(body, question.heading)
        if problem := _problem(question, answer):
            yield missing(question.heading, f"{problem}. {question.prompt}")


def _problem(question: Question, answer: str | None) -> str:
    if answer is None:
        return f"the card has no section `## {question.heading}`"
    if found := _TEMPLATE.search(_COMMENT.sub("", answer)):
        return f"it still has the text of a template ({found[0]!r})"
    said = _COMMENT.sub("", answer).strip()
    if not said:
        return "nothing is written there"
    if question.needs_address:
        return "" if _ADDRESS.search(said) else "it has no address: an e-mail, a URL or @name"
    if _NOTHING.fullmatch(said) or len(_WORD.findall(said)) < _FEWEST_WORDS:
        return f"{said[:60]!r} says too little for a reader"
    return ""
