"""Scales with round ticks, and the frame that all charts share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .marks import Line, Text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .marks import Mark

__all__ = ["Scale", "fitted_scale", "frame", "shown"]

_STEPS = (1, 2, 2.5, 5, 10)
_WIDEST = 1e12


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """From values to pixels.

    Attributes:
        low, high: values at the ends; `low < high`.
        start, end: pixels of the ends, in either direction.
        log: equal factors are equal lengths; then `low` is above 0.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        """Pixel of a value; what lies beyond the ends is put there."""
        value = min(max(value, self.low), self.high)
        low, high = (math.log10(self.low), math.log10(self.high)) if self.log else (self.low, self.high)
        part = ((math.log10(value) if self.log else value) - low) / (high - low)
        return self.start + part * (self.end - self.start)

    def ticks(self, most: int = 6) -> list[float]:
        """Round values within the ends."""
        if self.log:
            first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
            every = max(1, -(-(last - first + 1) // most))
            return [10.0**power for power in range(first, last + 1, every)]
        step = _step(self.high - self.low, most)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [number * step for number in range(first, last + 1)]


def fitted_scale(values: Iterable[float], start: float, end: float, *, zero: bool = False, log: bool = False) -> Scale:
    """A scale that holds all finite values, with ends at round ones.

    Args:
        values: to be shown; on a logarithmic scale those of 0 and below are left out.
        start: pixel of the lower end.
        end: pixel of the upper end.
        zero: whether 0 has to be on it.
        log: logarithmic.
    """
    kept = [value for value in values if math.isfinite(value) and abs(value) < _WIDEST and (value > 0 or not log)]
    low, high = (min(kept), max(kept)) if kept else (1.0, 1.0) if log else (0.0, 1.0)
    if log:
        bottom, top = math.floor(math.log10(low)), math.ceil(math.log10(high))
        return Scale(low=10.0**bottom, high=10.0 ** max(top, bottom + 1), start=start, end=end, log=True)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    if high - low <= abs(high) * 1e-9:
        low, high = low - (abs(low) or 1) / 2, high + (abs(high) or 1) / 2
    step = _step(high - low, 6)
    return Scale(low=math.floor(low / step) * step, high=math.ceil(high / step) * step, start=start, end=end)


def shown(value: float) -> str:
    """A number for people: no more digits than they read."""
    if value == 0:
        return "0"
    if abs(value) >= 10_000 and float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def frame(x: Scale, y: Scale, *, x_title: str = "", y_title: str = "") -> list[Mark]:
    """Grid, ticks and titles of two axes; `x` goes right, `y` goes up."""
    marks: list[Mark] = []
    for tick in y.ticks():
        marks.append(Line(points=((x.start, y.at(tick)), (x.end, y.at(tick))), role="grid", width=1))
        marks.append(Text(x=x.start - 6, y=y.at(tick), text=shown(tick), role="faint", size=11, anchor="end"))
    for tick in x.ticks():
        marks.append(Line(points=((x.at(tick), y.start), (x.at(tick), y.start + 4)), role="faint", width=1))
        marks.append(Text(x=x.at(tick), y=y.start + 14, text=shown(tick), role="faint", size=11, anchor="middle"))
    marks.append(Line(points=((x.start, y.start), (x.end, y.start)), role="faint", width=1))
    if x_title:
        middle = (x.start + x.end) / 2
        marks.append(Text(x=middle, y=y.start + 32, text=x_title, role="faint", size=11, anchor="middle"))
    if y_title:
        marks.append(Text(x=4, y=y.end - 14, text=y_title, role="faint", size=11))
    return marks


def _step(extent: float, most: int) -> float:
    """The smallest round step that gives at most so many intervals."""
    raw = extent / most
    power = 10.0 ** math.floor(math.log10(raw))
    return next(step * power for step in _STEPS if step * power >= raw * (1 - 1e-9))
