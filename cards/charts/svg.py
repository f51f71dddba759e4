"""Charts as SVG that stands in a page: its colours are the page's, so that they suit light and dark."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from .marks import Box, Dot, Line, Text

if TYPE_CHECKING:
    from .marks import Chart, Mark

__all__ = ["svg"]


def svg(chart: Chart) -> str:
    """An `<svg>` element with title and description for people who do not see it.

    Colours are classes `c-<role>` (fill) and `s-<role>` (stroke), which the style sheet of the page defines.
    """
    label = escape(f"{chart.title}. {chart.description}", quote=True)
    drawn = "".join(map(_drawn, chart.marks))
    size = f'width="{chart.width}" height="{chart.height}" viewBox="0 0 {chart.width} {chart.height}"'
    return f'<svg role="img" aria-label="{label}" {size}>{drawn}</svg>'


def _drawn(mark: Mark) -> str:
    if isinstance(mark, Box):
        place = f'x="{_n(mark.x)}" y="{_n(mark.y)}" width="{_n(mark.width)}" height="{_n(mark.height)}"'
        return f'<rect {place} class="c-{mark.role}"{_opacity(mark.opacity)}/>'
    if isinstance(mark, Dot):
        place = f'cx="{_n(mark.x)}" cy="{_n(mark.y)}" r="{_n(mark.radius)}"'
        return f'<circle {place} class="c-{mark.role}"{_opacity(mark.opacity)}/>'
    if isinstance(mark, Line):
        points = " ".join(f"{_n(x)},{_n(y)}" for x, y in mark.points)
        dashes = ' stroke-dasharray="5 4"' if mark.dashed else ""
        return f'<polyline points="{points}" class="s-{mark.role}" stroke-width="{_n(mark.width)}"{dashes}/>'
    return _text(mark)


def _text(mark: Text) -> str:
    place = f'x="{_n(mark.x)}" y="{_n(mark.y)}" font-size="{mark.size}" text-anchor="{mark.anchor}"'
    return f'<text {place} class="c-{mark.role}">{escape(mark.text)}</text>'


def _opacity(opacity: float) -> str:
    return "" if opacity == 1 else f' fill-opacity="{_n(opacity)}"'


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
