"""Charts of the report and the card: drawn once as shapes, shown as SVG in a page or as PNG."""

from __future__ import annotations

from .agreement import calibration, scatter
from .floors import Measured, floors
from .marks import Chart
from .png import mosaic, png
from .series import bars, curves, histogram
from .svg import svg

__all__ = [
    "Chart",
    "Measured",
    "bars",
    "calibration",
    "curves",
    "floors",
    "histogram",
    "mosaic",
    "png",
    "scatter",
    "svg",
]
