"""What was ordered against what was measured: calibration by bins, and sample by sample."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .axes import fitted_scale, frame, shown
from .marks import Chart, Dot, Line, Text
from .series import HEIGHT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .axes import Scale
    from .marks import Mark

__all__ = ["calibration", "scatter"]

_SIDE: Final = 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 16, 48, 44
_MOST_DOTS: Final = 800


def calibration(
    ordered: Sequence[float],
    measured: Sequence[float],
    intervals: Sequence[tuple[float, float]] = (),
    *,
    title: str,
    unit: str = "",
) -> Chart:
    """Mean measured value in each bin of the ordered one; a perfect generator lies on the diagonal.

    Args:
        ordered: mean of each bin.
        measured: mean of the same samples.
        intervals: of the measured means; nothing for none.
        title: what is shown.
        unit: of both.
    """
    ends = [end for interval in intervals for end in interval]
    x, y = _axes([*ordered, *measured, *ends])
    marks = _framed(x, y, unit)
    for at, (low, high) in zip(ordered, intervals, strict=False):
        marks.append(Line(points=((x.at(at), y.at(low)), (x.at(at), y.at(high))), role="one"))
    points = [(x.at(a), y.at(b)) for a, b in zip(ordered, measured, strict=True)]
    marks.append(Line(points=tuple(points), role="one", width=1))
    marks += [Dot(x=a, y=b, radius=3.5, role="one") for a, b in points]
    worst = max(zip(ordered, measured, strict=True), key=lambda pair: abs(pair[1] - pair[0]), default=(0.0, 0.0))
    told = (
        f"Of {len(ordered)} bins the furthest from the diagonal: ordered {shown(worst[0])}, measured {shown(worst[1])}."
    )
    return Chart(width=_SIDE, height=HEIGHT, marks=tuple(marks), title=title, description=told)


def scatter(ordered: Sequence[float], measured: Sequence[float], *, title: str, unit: str = "") -> Chart:
    """One dot a sample; of many samples an even choice.

    Args:
        ordered: one value a sample.
        measured: of the same samples.
        title: what is shown.
        unit: of both.
    """
    every = max(1, -(-len(ordered) // _MOST_DOTS))
    ordered, measured = ordered[::every], measured[::every]
    x, y = _axes([*ordered, *measured])
    marks = _framed(x, y, unit)
    opacity = 0.8 if len(ordered) < 100 else 0.4
    marks += [
        Dot(x=x.at(a), y=y.at(b), radius=3, role="one", opacity=opacity) for a, b in zip(ordered, measured, strict=True)
    ]
    error = sum(abs(b - a) for a, b in zip(ordered, measured, strict=True)) / max(1, len(ordered))
    told = f"{len(ordered)} samples; mean distance from the diagonal {shown(error)} {unit}".strip() + "."
    return Chart(width=_SIDE, height=HEIGHT, marks=tuple(marks), title=title, description=told)


def _axes(values: Sequence[float]) -> tuple[Scale, Scale]:
    """Two scales with the same ends, so that the diagonal is the diagonal."""
    x = fitted_scale(values, _LEFT, _SIDE - _RIGHT)
    return x, fitted_scale(values, HEIGHT - _BOTTOM, _TOP)


def _framed(x: Scale, y: Scale, unit: str) -> list[Mark]:
    told = f" ({unit})" if unit else ""
    marks = frame(x, y, x_title=f"ordered{told}", y_title=f"measured{told}")
    diagonal = Line(points=((x.start, y.start), (x.end, y.end)), role="faint", dashed=True)
    return [
        *marks,
        diagonal,
        Text(x=x.end - 4, y=y.start - 10, text="dashed: as ordered", role="faint", size=11, anchor="end"),
    ]
