"""The pictures of a card: a mosaic of samples, and what was ordered against what was measured."""

from __future__ import annotations

import io
from collections import Counter
from typing import TYPE_CHECKING, Final

import numpy as np
from PIL.PngImagePlugin import PngInfo

from ...quality.parts import write_beside
from ...store.rows import MEASURED
from ..charts import bars, histogram, mosaic, scatter
from ..preview import preview_cohort
from .gathering import FIGURES, PREVIEW

if TYPE_CHECKING:
    from PIL.Image import Image

    from ...store.cohort import Cohort
    from ..charts import Chart

__all__ = ["condition_charts", "write_pictures"]

_SAMPLES: Final = 4
_PANEL_HEIGHT: Final = 180
_BINS: Final = 20
_MOST_CHARTS: Final = 9
_MOST_BARS: Final = 8
_COLOURS: Final = 128


def write_pictures(cohort: Cohort) -> list[str]:
    """Draws them into the folder `quality/` of a store; the same data give the same bytes.

    Returns:
        their paths in the store; nothing for a data set without samples.
    """
    if not len(cohort):
        return []
    count = min(_SAMPLES, len(cohort))
    rows = [row * (len(cohort) - 1) // max(count - 1, 1) for row in range(count)]
    picture = preview_cohort(cohort, rows, columns=2, panel_height=_PANEL_HEIGHT).quantize(_COLOURS)
    drawn = {PREVIEW: picture}
    if charts := condition_charts(cohort)[:_MOST_CHARTS]:
        drawn[FIGURES] = mosaic(charts)
    for path, each in drawn.items():
        write_beside(cohort.path, path, _png(each, synthetic=cohort.manifest.synthetic))
    return list(drawn)


def condition_charts(cohort: Cohort) -> list[Chart]:
    """A chart of each condition: ordered against measured where both are there, otherwise how it is spread."""
    measured = [name for name in cohort.measures if name[len(MEASURED) :] in cohort.conditions]
    table = cohort.columns([*cohort.conditions, *measured])
    both, alone = [], []
    for name in cohort.conditions:
        column = table[name]
        title = name.replace("_", " ")
        if f"{MEASURED}{name}" in measured:
            pairs = np.stack(
                [np.asarray(each.to_numpy(), dtype=float) for each in (column, table[f"{MEASURED}{name}"])]
            )
            pairs = pairs[:, np.isfinite(pairs).all(axis=0)]
            both += [scatter(*pairs.tolist(), title=title)] if pairs.size else []
        else:
            alone += [_spread(title, column.to_pylist())]
    return [*both, *(chart for chart in alone if chart is not None)]


def _spread(title: str, values: list[object]) -> Chart | None:
    numbers = [float(value) for value in values if isinstance(value, int | float) and np.isfinite(value)]
    if numbers:
        low, high = min(numbers), max(numbers)
        if low == high:
            return None
        counts, edges = np.histogram(numbers, bins=min(_BINS, max(5, len(numbers) // 4)))
        return histogram(edges.tolist(), {"": counts.tolist()}, title=title)
    words = Counter(str(value) for value in values if value is not None)
    if not 1 < len(words) <= _MOST_BARS:
        return None
    names = sorted(words)
    return bars(
        [name[:20] for name in names], {"": [float(words[name]) for name in names]}, title=title, x_title="samples"
    )


def _png(picture: Image, *, synthetic: bool) -> bytes:
    """A PNG that says what it is."""
    marks = PngInfo()
    what = "Synthetic data made by voxpress, not for clinical use" if synthetic else "Packed by voxpress"
    marks.add_text("Description", what)
    kept = io.BytesIO()
    picture.save(kept, format="PNG", pnginfo=marks, optimize=True)
    return kept.getvalue()
