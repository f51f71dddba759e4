"""Text in pictures: one font, one line at a time, whatever the text is."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Final

from PIL import ImageFont

if TYPE_CHECKING:
    from collections.abc import Mapping

    Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

__all__ = ["SWATCH", "fitted", "font_of", "legend_lines", "printable", "wrapped"]

SWATCH: Final = 19
"""Pixels from the left edge of a legend's entry to its text."""

_BETWEEN: Final = 22
_LONGEST: Final = 400


@cache
def font_of(size: int) -> Font:
    """The font that Pillow brings along, so that pictures do not depend on the machine's fonts."""
    return ImageFont.load_default(size=size)


def printable(text: str) -> str:
    """One line without control characters, of sensible length."""
    line = "".join(character for character in " ".join(text[: 4 * _LONGEST].split()) if character.isprintable())
    return line[:_LONGEST]


def fitted(text: str, font: Font, width: int) -> str:
    """The text, or as much of its start as fits, with an ellipsis.

    Args:
        text: to be shown.
        font: in which.
        width: in pixels.
    """
    text = printable(text)
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "...") > width:
        text = text[:-1]
    return text + "..."


def wrapped(text: str, font: Font, width: int, *, most: int) -> list[str]:
    """The text in at most so many lines, broken after commas; the last is cut where it does not fit.

    Args:
        text: to be shown.
        font: in which.
        width: in pixels.
        most: lines.
    """
    lines = [""]
    for part in printable(text).split(", "):
        longer = f"{lines[-1]}, {part}" if lines[-1] else part
        if lines[-1] and len(lines) < most and font.getlength(longer + ",") > width:
            lines[-1] += ","
            lines.append(part)
        else:
            lines[-1] = longer
    return [fitted(line, font, width) for line in lines]


def legend_lines(names: Mapping[int, str], font: Font, width: int) -> list[list[tuple[int, int]]]:
    """Places of a legend's entries: (x, key) of each, in lines that fit where one entry does.

    Args:
        names: key → text.
        font: in which.
        width: in pixels.
    """
    lines: list[list[tuple[int, int]]] = []
    x = width
    for key, name in names.items():
        extent = SWATCH + math.ceil(font.getlength(printable(name)))
        if x + extent > width or not lines:
            lines.append([])
            x = 0
        lines[-1].append((x, key))
        x += extent + _BETWEEN
    return lines
