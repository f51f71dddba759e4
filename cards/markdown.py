"""Text from a data set, made safe to stand in Markdown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["escape", "table"]

_MARKUP = re.compile(r"([\\`*_\[\]|~$])")
# Where GitHub and the Hub would make a link of plain text; the word joiner is not seen and breaks it.
_LINK = re.compile(r"(?<=:)(?=//)|(?<=www)(?=\.)|(?<=\w)(?=@)", re.IGNORECASE)


def escape(text: object) -> str:
    """Text that Markdown and HTML show as it is, after the start of a line: no links, markup, tags or table cells.

    Args:
        text: anything; `str` of it is shown.
    """
    line = " ".join(str(text).split())
    line = "".join(character for character in line if character.isprintable())
    line = _LINK.sub("\u2060", _MARKUP.sub(r"\\\1", line))
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; the cells are escaped, the header is not.

    Args:
        header: one title a column.
        rows: one value a column.
    """
    lines = [header, ["---"] * len(header), *([escape(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
