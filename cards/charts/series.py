"""Histograms, curves and bars: one or more named series over a common axis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .axes import fitted_scale, frame, shown
from .marks import Box, Chart, Line, Text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .axes import Scale
    from .marks import Mark, Role

__all__ = ["HEIGHT", "WIDTH", "bars", "curves", "histogram", "legend"]

WIDTH: Final = 460
HEIGHT: Final = 280
_ROLES: Final[tuple[Role, ...]] = ("one", "two", "three", "four")
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 16, 48, 44
_BAR_HEIGHT: Final = 24
_LETTER: Final = 6.7
"""Pixels of an average letter of size 12."""


def histogram(
    edges: Sequence[float],
    series: Mapping[str, Sequence[float]],
    *,
    title: str,
    x_title: str = "",
    limits: Mapping[str, float] | None = None,
) -> Chart:
    """Distributions over the same bins, each as parts of its whole, so that sets of different size compare.

    Args:
        edges: of the bins, ascending, one more than bins.
        series: name → count of each bin.
        title: what is shown.
        x_title: of the axis, with its unit.
        limits: name → value at which a vertical line is drawn.
    """
    parts = {name: _parts(counts) for name, counts in series.items()}
    x = fitted_scale([*edges, *(limits or {}).values()], _LEFT, WIDTH - _RIGHT)
    y = fitted_scale([part for each in parts.values() for part in each], HEIGHT - _BOTTOM, _TOP, zero=True)
    marks = frame(x, y, x_title=x_title, y_title="part of all")
    for number, each in enumerate(parts.values()):
        role = _ROLES[number % len(_ROLES)]
        for low, high, part in zip(edges[:-1], edges[1:], each, strict=True):
            left, top = x.at(low), y.at(part)
            marks.append(Box(x=left, y=top, width=x.at(high) - left, height=y.start - top, role=role, opacity=0.35))
        marks.append(Line(points=_outline(edges, each, x, y), role=role))
    for name, value in (limits or {}).items():
        marks.append(Line(points=((x.at(value), y.start), (x.at(value), y.end)), role="bad", dashed=True))
        marks.append(Text(x=x.at(value) + 4, y=y.end + 8, text=name, role="bad", size=11))
    told = "; ".join(f"{name}: middle of the fullest bin {shown(_mode(edges, each))}" for name, each in parts.items())
    return Chart(width=WIDTH, height=HEIGHT, marks=(*marks, *legend(list(parts))), title=title, description=told)


def curves(
    x_values: Sequence[float],
    series: Mapping[str, Sequence[float]],
    *,
    title: str,
    x_title: str = "",
    y_title: str = "",
    log: bool = False,
) -> Chart:
    """Lines over a common axis.

    Args:
        x_values: ascending.
        series: name → value at each.
        title: what is shown.
        x_title: of the axis, with its unit.
        y_title: of the values, with their unit.
        log: the values on a logarithmic axis; those of 0 and below are put at its end.
    """
    x = fitted_scale(x_values, _LEFT, WIDTH - _RIGHT)
    y = fitted_scale([value for each in series.values() for value in each], HEIGHT - _BOTTOM, _TOP, log=log)
    marks = frame(x, y, x_title=x_title, y_title=y_title)
    for number, each in enumerate(series.values()):
        points = tuple((x.at(at), y.at(value)) for at, value in zip(x_values, each, strict=True))
        marks.append(Line(points=points, role=_ROLES[number % len(_ROLES)], width=2, dashed=number > 0))
    told = "; ".join(
        f"{name}: from {shown(each[0])} to {shown(each[-1])}" for name, each in series.items() if len(each)
    )
    return Chart(width=WIDTH, height=HEIGHT, marks=(*marks, *legend(list(series))), title=title, description=told)


def bars(labels: Sequence[str], series: Mapping[str, Sequence[float]], *, title: str, x_title: str = "") -> Chart:
    """Lying bars, one group a label.

    Args:
        labels: one a group.
        series: name → value of each label.
        title: what is shown.
        x_title: of the values, with their unit.
    """
    left = min(200, max((len(label) for label in labels), default=1) * _LETTER + 14)
    group = _BAR_HEIGHT if len(series) == 1 else 12 * len(series) + 8
    height = _TOP + group * len(labels) + _BOTTOM
    x = fitted_scale([value for each in series.values() for value in each], left, WIDTH - 60, zero=True)
    marks: list[Mark] = [
        Line(points=((x.at(0), _TOP), (x.at(0), height - _BOTTOM)), role="faint", width=1),
        Text(x=(left + WIDTH) / 2, y=height - 18, text=x_title, role="faint", size=11, anchor="middle"),
    ]
    thick = (group - 8) / len(series)
    for row, label in enumerate(labels):
        top = _TOP + group * row + 4
        marks.append(Text(x=left - 8, y=top + (group - 8) / 2, text=label, anchor="end"))
        for number, each in enumerate(series.values()):
            value = each[row]
            ends = sorted((x.at(0), x.at(value)))
            y = top + number * thick
            role = _ROLES[number % len(_ROLES)]
            marks.append(Box(x=ends[0], y=y, width=max(1.0, ends[1] - ends[0]), height=thick - 1, role=role))
            marks.append(Text(x=ends[1] + 5, y=y + thick / 2, text=shown(value), role="faint", size=11))
    told = "; ".join(f"{name}: {_pairs(labels, each)}" for name, each in series.items())
    return Chart(width=WIDTH, height=height, marks=(*marks, *legend(list(series))), title=title, description=told)


def legend(names: Sequence[str]) -> list[Mark]:
    """Names of the series with their colours, in one line; nothing for a single series without a name."""
    marks: list[Mark] = []
    x = 8.0
    for number, name in enumerate(names):
        if not name:
            continue
        marks.append(Box(x=x, y=6, width=12, height=10, role=_ROLES[number % len(_ROLES)]))
        marks.append(Text(x=x + 17, y=11, text=name))
        x += 17 + _LETTER * len(name) + 18
    return marks


def _parts(counts: Sequence[float]) -> list[float]:
    total = sum(counts)
    return [count / total if total else 0.0 for count in counts]


def _outline(edges: Sequence[float], parts: Sequence[float], x: Scale, y: Scale) -> tuple[tuple[float, float], ...]:
    steps = [
        (x.at(edge), y.at(part))
        for low, high, part in zip(edges[:-1], edges[1:], parts, strict=True)
        for edge in (low, high)
    ]
    return ((x.at(edges[0]), y.start), *steps, (x.at(edges[-1]), y.start))


def _mode(edges: Sequence[float], parts: Sequence[float]) -> float:
    best = max(range(len(parts)), key=lambda place: parts[place], default=0)
    return (edges[best] + edges[best + 1]) / 2


def _pairs(labels: Sequence[str], values: Sequence[float]) -> str:
    return ", ".join(f"{label} {shown(value)}" for label, value in zip(labels, values, strict=True))
