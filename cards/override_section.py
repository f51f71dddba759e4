"""What a card says of a data set that was published against the quality gate; nobody should overlook it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from .markdown import escape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..quality.gate import Override

__all__ = ["with_overrides"]

_BEGIN: Final = "<!-- voxpress: override -->"
_END: Final = "<!-- voxpress: end of override -->"
_SECTION: Final = re.compile(rf"\n*{re.escape(_BEGIN)}.*?{re.escape(_END)}\n*", flags=re.DOTALL)
_HEADER: Final = re.compile(r"\A---\r?\n.*?\n---[ \t]*(?:\r?\n|\Z)", flags=re.DOTALL)
_TITLE: Final = re.compile(r"^# .*(?:\n|\Z)", flags=re.MULTILINE)


def with_overrides(card: str, overrides: Mapping[str, Override]) -> str:
    """The card with a section on these overrides below its title, in place of an older one.

    Args:
        card: a `README.md`, by whomever.
        overrides: folder of a data set (``""`` for the only one) → its override; none takes the section away.

    Returns:
        the card; the same text where there is nothing to change.
    """
    if not overrides and _BEGIN not in card:
        return card
    plain = _SECTION.sub("\n\n", card)
    if not overrides:
        return plain
    header = _HEADER.match(plain)
    start = header.end() if header else 0
    title = _TITLE.search(plain, start)
    place = title.end() if title else start
    before, after = plain[:place].rstrip("\n"), plain[place:].lstrip("\n")
    return f"{before}\n\n{_section(overrides)}\n\n{after}".lstrip("\n")


def _section(overrides: Mapping[str, Override]) -> str:
    lines = [_BEGIN, "> [!WARNING]", "> **Published although the quality gate of voxpress did not let it pass.**"]
    for folder, override in overrides.items():
        which = f"`{escape(folder)}`: " if folder else ""
        lines += [
            ">",
            f"> {which}What the gate said: {escape(override.sentence)}",
            ">",
            f"> {which}Why it was published all the same: {escape(override.reason)}",
        ]
    return "\n".join([*lines, _END])
