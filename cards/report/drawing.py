"""Figures of a report as charts. A figure is data from a file: one that cannot be drawn is told, never guessed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from ..charts import Measured, bars, calibration, curves, floors, histogram
from .words import role

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ..charts import Chart
    from .document import Entry

__all__ = ["chart_of", "floor_chart"]

_MOST_POINTS: Final = 2_000
_MOST_SERIES: Final = 4
_MOST_BARS: Final = 60
_MOST_LETTERS: Final = 26
_NO_SERIES: Final = frozenset({"edges", "x", "labels", "names", "limits", "n"})
# JSON has its names by the alphabet; a set has the same colour in every figure
_FIRST: Final = {
    name: place for place, name in enumerate(("synthetic", "reference", "ordered", "delivered", "measured"))
}
_UNNAMED: Final = frozenset({"counts", "values", "y"})


def floor_chart(entries: Sequence[Entry]) -> Chart | None:
    """Every score that has a floor, beside it; None if there is none."""
    rows = [
        Measured(
            name=entry.id,
            value=entry.value,
            interval=entry.interval,
            floor=entry.floor,
            floor_interval=entry.floor_interval,
            role=role(entry.verdict),
        )
        for entry in entries
        if entry.value is not None and entry.floor is not None
    ]
    return floors(rows, title="Scores beside their floors") if rows else None


def chart_of(name: str, figure: Mapping[str, Any]) -> Chart | None:
    """The chart of a figure.

    Args:
        name: of the figure, for its title.
        figure: `kind` and numbers, as `docs/cards.md` lists them.

    Returns:
        None if the kind is unknown or the numbers do not fit it.
    """
    draw = _KINDS.get(str(figure.get("kind")))
    title = str(figure.get("title") or name.replace("_", " ").replace(".", " "))[:120]
    try:
        return None if draw is None else draw(figure, title)
    except (KeyError, TypeError, ValueError, IndexError, ZeroDivisionError):
        return None


def _histogram(figure: Mapping[str, Any], title: str) -> Chart:
    edges = _numbers(figure["edges"])
    series = _series(figure, len(edges) - 1)
    limits = {str(name): float(value) for name, value in dict(figure.get("limits") or {}).items()}
    return histogram(edges, series, title=title, x_title=_axis(figure, "x"), limits=limits)


def _calibration(figure: Mapping[str, Any], title: str) -> Chart:
    ordered, measured = _numbers(figure["ordered"]), _numbers(figure["measured"])
    low, high = _numbers(figure.get("low") or []), _numbers(figure.get("high") or [])
    intervals = list(zip(low, high, strict=True))
    return calibration(ordered, measured, intervals, title=title, unit=str(figure.get("unit") or ""))


def _curve(figure: Mapping[str, Any], title: str) -> Chart:
    x = _numbers(figure["x"])
    log = figure.get("log_y") is True
    titles = {"x_title": _axis(figure, "x"), "y_title": _axis(figure, "y")}
    return curves(x, _series(figure, len(x)), title=title, log=log, **titles)


def _bars(figure: Mapping[str, Any], title: str) -> Chart:
    names = figure["labels"] if "labels" in figure else figure["names"]
    series = _series(figure, len(names))
    shown = [str(name)[:_MOST_LETTERS] for name in names[:_MOST_BARS]]
    kept = {name: values[: len(shown)] for name, values in series.items()}
    return bars(shown, kept, title=title, x_title=_axis(figure, "x"))


_KINDS: Final[dict[str, Callable[[Mapping[str, Any], str], Chart]]] = {
    "histogram": _histogram,
    "calibration": _calibration,
    "curve": _curve,
    "bars": _bars,
}


def _series(figure: Mapping[str, Any], length: int) -> dict[str, list[float]]:
    """Every list of so many numbers, by its name; a single one called `counts`, `values` or `y` has none."""
    if length < 1:
        msg = "there is nothing to draw"
        raise ValueError(msg)
    given = figure["series"] if isinstance(figure.get("series"), dict) else figure
    found = {
        str(name).replace("_", " ")[:_MOST_LETTERS]: _numbers(values)
        for name, values in given.items()
        if name not in _NO_SERIES and isinstance(values, list) and len(values) == length
    }
    found = dict(sorted(found.items(), key=lambda each: _FIRST.get(each[0], len(_FIRST))))
    if not found:
        msg = f"no series of {length} numbers"
        raise ValueError(msg)
    if len(found) == 1 and next(iter(found)) in _UNNAMED:
        return {"": next(iter(found.values()))}
    return dict(list(found.items())[:_MOST_SERIES])


def _numbers(values: Any) -> list[float]:
    if not isinstance(values, list) or len(values) > _MOST_POINTS:
        msg = f"a figure has lists of at most {_MOST_POINTS} numbers"
        raise ValueError(msg)
    found = [float(value) for value in values]
    if not all(map(math.isfinite, found)):
        msg = "a figure has finite numbers"
        raise ValueError(msg)
    return found


def _axis(figure: Mapping[str, Any], axis: str) -> str:
    return str(
        figure.get(f"{axis}_title") or figure.get(f"{axis}_label") or (axis == "x" and figure.get("unit")) or ""
    )[:60]
