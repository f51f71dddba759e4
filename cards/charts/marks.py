"""What a chart is made of: a few shapes on a canvas, each with a role in place of a colour.

`svg` and `png` draw them; a page for light and dark screens gives each role two colours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["Box", "Chart", "Dot", "Line", "Mark", "Role", "Text"]

Role: TypeAlias = Literal["ink", "faint", "grid", "one", "two", "three", "four", "good", "warn", "bad", "none"]
"""What a shape stands for: text, axes, series, or verdicts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A filled rectangle, in pixels from the top left."""

    x: float
    y: float
    width: float
    height: float
    role: Role
    opacity: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line through points."""

    points: tuple[tuple[float, float], ...]
    role: Role
    width: float = 1.5
    dashed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """A filled circle."""

    x: float
    y: float
    radius: float
    role: Role
    opacity: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """One line of text; `y` is its middle."""

    x: float
    y: float
    text: str
    role: Role = "ink"
    size: int = 12
    anchor: Literal["start", "middle", "end"] = "start"


Mark: TypeAlias = Box | Line | Dot | Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A picture of numbers, and the same in words for people who do not see it.

    Attributes:
        width, height: in pixels.
        marks: in the order in which they are drawn.
        title: what is shown.
        description: what can be seen there.
    """

    width: int
    height: int
    marks: tuple[Mark, ...]
    title: str
    description: str
