"""Scores beside their floors: how far the synthetic set is, against how far real data are from themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .axes import fitted_scale, shown
from .marks import Box, Chart, Dot, Line, Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .marks import Mark, Role

__all__ = ["Measured", "floors"]

_WIDTH: Final = 720
_ROW: Final = 34
_LEFT, _RIGHT = 250, 110
_LETTERS: Final = 36


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One row: a value with its interval, and the same of the floor.

    Attributes:
        name: what was measured.
        value, interval: of the data set.
        floor, floor_interval: between two halves of the reference.
        role: colour of the value, by its verdict.
    """

    name: str
    value: float
    interval: tuple[float, float] | None
    floor: float
    floor_interval: tuple[float, float] | None
    role: Role


def floors(rows: Sequence[Measured], *, title: str) -> Chart:
    """Each score on a line of its own, with a scale of its own: their units differ.

    The grey band is the floor with its interval, the dot the score with its.

    Args:
        rows: what has a floor.
        title: what is shown.
    """
    height = _ROW * len(rows) + 34
    marks: list[Mark] = [
        Box(x=_LEFT, y=8, width=16, height=10, role="none", opacity=0.5),
        Text(x=_LEFT + 22, y=13, text="floor: real against real", role="faint", size=11),
        Dot(x=_LEFT + 186, y=13, radius=5, role="ink"),
        Text(x=_LEFT + 196, y=13, text="this data set, 95 % interval", role="faint", size=11),
    ]
    for place, row in enumerate(rows):
        marks += _row(row, 34 + _ROW * place)
    told = "; ".join(f"{row.name}: {shown(row.value)} beside a floor of {shown(row.floor)}" for row in rows)
    return Chart(width=_WIDTH, height=height, marks=tuple(marks), title=title, description=told)


def _row(row: Measured, top: float) -> list[Mark]:
    floor = row.floor_interval or (row.floor, row.floor)
    ends = row.interval or (row.value, row.value)
    x = fitted_scale([*floor, *ends, row.floor, row.value], _LEFT + 10, _WIDTH - _RIGHT, zero=True)
    middle = top + _ROW / 2 - 4
    name = row.name if len(row.name) <= _LETTERS else row.name[: _LETTERS - 1] + "…"
    band = Box(
        x=x.at(floor[0]) - 1,
        y=middle - 8,
        width=x.at(floor[1]) - x.at(floor[0]) + 2,
        height=16,
        role="none",
        opacity=0.5,
    )
    return [
        Text(x=_LEFT - 8, y=middle, text=name, anchor="end"),
        Line(points=((x.start, middle), (x.end, middle)), role="grid", width=1),
        *([Text(x=x.at(0), y=middle + 12, text="0", role="faint", size=9, anchor="middle")]),
        band,
        Line(points=((x.at(row.floor), middle - 8), (x.at(row.floor), middle + 8)), role="faint", width=2),
        Line(points=((x.at(ends[0]), middle), (x.at(ends[1]), middle)), role=row.role, width=2.5),
        Dot(x=x.at(row.value), y=middle, radius=5, role=row.role),
        Text(x=_WIDTH - _RIGHT + 12, y=middle - 6, text=shown(row.value), size=11),
        Text(x=_WIDTH - _RIGHT + 12, y=middle + 7, text=f"floor {shown(row.floor)}", role="faint", size=10),
    ]
