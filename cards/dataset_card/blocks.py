"""A card as a text with two authors: blocks between marks are the machine's, everything else is the publisher's.

A mark is an HTML comment, so that the Hub does not show it::

    <!-- voxpress:begin facts (made by voxpress card; changes in here are lost) -->
    …
    <!-- voxpress:end facts -->
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import yaml

from ...errors import FormatError
from ...store.strict_yaml import read_mapping

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["BLOCKS", "block", "header_text", "read_blocks", "replaced", "section_of", "split_header", "with_section"]

BLOCKS: Final = ("summary", "facts")
"""Those of a card, in its order."""

_NOTE: Final = "made by `voxpress card`; changes in here are lost"
_BLOCK: Final = re.compile(r"<!-- voxpress:begin (\w+)[^\n]*-->\n(.*?)\n?<!-- voxpress:end \1 -->", flags=re.DOTALL)
_HEADER: Final = re.compile(r"\A---[ \t]*\n(.*?)\n---[ \t]*(?:\n|\Z)", flags=re.DOTALL)


def block(name: str, content: str) -> str:
    """The content between its marks."""
    return f"<!-- voxpress:begin {name} ({_NOTE}) -->\n{content}\n<!-- voxpress:end {name} -->"


def read_blocks(body: str) -> dict[str, str]:
    """Name → content of the machine's blocks in a card."""
    return {match[1]: match[2] for match in _BLOCK.finditer(_unix(body))}


def replaced(body: str, blocks: Mapping[str, str]) -> str:
    """The card with new content in its blocks; one that is not there any more is put at the end."""
    body = _unix(body)
    there = read_blocks(body)
    body = _BLOCK.sub(lambda match: block(match[1], blocks.get(match[1], match[2])), body)
    missing = [block(name, content) for name, content in blocks.items() if name not in there]
    return "\n\n".join((body.rstrip("\n"), *missing)) + "\n"


def split_header(card: str, where: str) -> tuple[dict[str, Any], str]:
    """YAML header and body of a card; an empty header where it has none.

    Raises:
        FormatError: the header cannot be read.
    """
    card = _unix(card)
    match = _HEADER.match(card)
    if match is None:
        return {}, card
    try:
        return dict(read_mapping(match[1], source=where)), card[match.end() :]
    except ValueError as error:
        msg = f"the header cannot be read: {' '.join(str(error).split())[:300]}; correct it"
        raise FormatError(msg) from error


def header_text(header: Mapping[str, Any]) -> str:
    """The YAML between two lines of dashes at the top of a card."""
    return f"---\n{yaml.safe_dump(dict(header), sort_keys=False, allow_unicode=True, width=120)}---"


def section_of(body: str, heading: str) -> str | None:
    """What the publisher wrote under a heading of the second level; None if the card has no such heading."""
    match = _section(heading).search(_BLOCK.sub("", _unix(body)))
    return None if match is None else match[2].strip()


def with_section(body: str, heading: str, content: str) -> str:
    """The card with something else under a heading; the section is added at the end if it is not there."""
    body = _unix(body)
    changed, count = _section(heading).subn(lambda match: f"{match[1]}\n{content.strip()}\n\n", body, count=1)
    return changed if count else f"{body.rstrip()}\n\n## {heading}\n\n{content.strip()}\n"


def _section(heading: str) -> re.Pattern[str]:
    """A heading, and all up to the next one of its level or the next block."""
    ends = r"(?=^## |^<!-- voxpress:|\Z)"
    return re.compile(rf"(^## {re.escape(heading)}[ \t]*\n)(.*?){ends}", flags=re.MULTILINE | re.DOTALL)


def _unix(text: str) -> str:
    return text.replace("\r\n", "\n")
