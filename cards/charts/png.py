"""Charts as pictures, for places that show no SVG of ours, such as the card on the Hub."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from PIL import Image, ImageDraw

from ..captions import font_of, printable
from .marks import Box, Dot, Line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .marks import Chart, Mark, Role, Text

    Rgb = tuple[int, int, int]

__all__ = ["mosaic", "png"]

_ZOOM: Final = 2
"""Pixels of the picture a pixel of the chart: sharp on fine screens, and room to smooth edges from."""
_SMOOTH: Final = 2
_GROUND: Final[Rgb] = (255, 255, 255)
_COLOURS: Final[dict[Role, Rgb]] = {
    "ink": (31, 35, 40),
    "faint": (101, 109, 118),
    "grid": (225, 228, 232),
    "one": (0, 114, 178),
    "two": (213, 94, 0),
    "three": (0, 158, 115),
    "four": (204, 121, 167),
    "good": (26, 127, 55),
    "warn": (154, 103, 0),
    "bad": (207, 34, 46),
    "none": (140, 149, 159),
}
_ANCHORS: Final = {"start": "lm", "middle": "mm", "end": "rm"}


def png(chart: Chart) -> Image.Image:
    """An RGB picture on white, twice as large as the chart, with the title above."""
    factor = _ZOOM * _SMOOTH
    picture = Image.new("RGB", (chart.width * factor, (chart.height + 26) * factor), _GROUND)
    draw = ImageDraw.Draw(picture)
    draw.text(
        (8 * factor, 14 * factor), printable(chart.title), font=font_of(14 * factor), fill=_COLOURS["ink"], anchor="lm"
    )
    for mark in chart.marks:
        _draw(draw, mark, factor, 26)
    return picture.resize((chart.width * _ZOOM, (chart.height + 26) * _ZOOM), Image.Resampling.LANCZOS)


def mosaic(charts: Sequence[Chart], *, columns: int = 3) -> Image.Image:
    """Several charts in one picture, row by row.

    Raises:
        ValueError: there are none.
    """
    if not charts:
        msg = "there is nothing to draw: give at least one chart"
        raise ValueError(msg)
    pictures = [png(chart) for chart in charts]
    columns = min(columns, len(pictures))
    width, height = max(each.width for each in pictures), max(each.height for each in pictures)
    whole = Image.new("RGB", (columns * width, -(-len(pictures) // columns) * height), _GROUND)
    for place, picture in enumerate(pictures):
        row, column = divmod(place, columns)
        whole.paste(picture, (column * width, row * height))
    return whole.convert("P", palette=Image.Palette.ADAPTIVE, colors=64)


def _draw(draw: ImageDraw.ImageDraw, mark: Mark, factor: int, down: int) -> None:
    if isinstance(mark, Box):
        corners = (mark.x, mark.y + down, mark.x + mark.width, mark.y + down + mark.height)
        draw.rectangle([each * factor for each in corners], fill=_faded(mark.role, mark.opacity))
    elif isinstance(mark, Dot):
        x, y = mark.x * factor, (mark.y + down) * factor
        draw.circle((x, y), mark.radius * factor, fill=_faded(mark.role, mark.opacity))
    elif isinstance(mark, Line):
        points = [(x * factor, (y + down) * factor) for x, y in mark.points]
        pieces = _dashes(points, 6 * factor) if mark.dashed else [points]
        for piece in pieces:
            draw.line(piece, fill=_COLOURS[mark.role], width=max(1, round(mark.width * factor)), joint="curve")
    else:
        _write(draw, mark, factor, down)


def _write(draw: ImageDraw.ImageDraw, mark: Text, factor: int, down: int) -> None:
    place = (mark.x * factor, (mark.y + down) * factor)
    font = font_of(mark.size * factor)
    draw.text(place, printable(mark.text), font=font, fill=_COLOURS[mark.role], anchor=_ANCHORS[mark.anchor])


def _faded(role: Role, opacity: float) -> Rgb:
    """The colour as it looks on the white ground."""
    red, green, blue = (round(255 + opacity * (part - 255)) for part in _COLOURS[role])
    return red, green, blue


def _dashes(points: Sequence[tuple[float, float]], length: float) -> list[list[tuple[float, float]]]:
    pieces = []
    for (x0, y0), (x1, y1) in pairwise(points):
        count = max(1, round(((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5 / length))
        for number in range(0, count, 2):
            first, last = number / count, min(1, (number + 1) / count)
            pieces.append([(x0 + part * (x1 - x0), y0 + part * (y1 - y0)) for part in (first, last)])
    return pieces
