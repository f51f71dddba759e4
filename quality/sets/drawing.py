"""Tables and figures of what was measured of a set, as plain numbers: the report draws them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .floors import ratio_to_floor
from .spectrum import mean_curve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ..features import FeatureSet
    from ..scores import Interval, Score
    from .outliers import Outliers

    Edges = Sequence[tuple[float, float]]
    Plain = dict[str, Any]

__all__ = ["feature_figures", "outlier_histogram", "outlier_table", "ratio_bars", "score_table"]

_BINS = 30
_MOST_LISTED = 1000
_DISTANCES = ("kid", "frechet", "sliced_w1", "spectrum_distance")
_COLUMNS = (
    *("score", "value", "value_low", "value_high", "floor", "floor_low", "floor_high"),
    *("times_floor", "times_floor_low", "times_floor_high", "rows", "feature_id", "reason"),
)


def score_table(scores: Sequence[Score]) -> Plain:
    """One row a score, with how many times its floor it is."""
    rows = []
    for score in scores:
        ratio, interval = ratio_to_floor(score) or (None, None)
        cells = [score.value, *_ends(score.interval), score.floor, *_ends(score.floor_interval), ratio]
        rows.append([score.id, *cells, *_ends(interval), score.n.get("synthetic", 0), score.feature_id, score.reason])
    return {"columns": list(_COLUMNS), "rows": rows}


def ratio_bars(scores: Sequence[Score]) -> Plain:
    """Distances over their floors; 1 is what two halves of the reference show."""
    distances = [score for score in scores if score.id.split(".")[1] in _DISTANCES]
    ratios = [(score.id, ratio[0]) for score in distances if (ratio := ratio_to_floor(score)) is not None]
    return {
        "kind": "bars",
        "title": "Distances, as multiples of their floors",
        "labels": [score_id.removeprefix("set.") for score_id, _ in ratios],
        "series": {"times floor": [ratio for _, ratio in ratios]},
        "x_label": "times floor",
    }


def feature_figures(
    name: str,
    synthetic: FeatureSet,
    reference: FeatureSet,
    *,
    columns: NDArray[np.int64],
    components: Sequence[str],
    edges: Edges,
) -> Plain:
    """Curves of spectra and histograms of named components, of both sets."""
    figures = {
        f"{name}.{component}": _histogram(
            component, component, synthetic.values[:, column], reference.values[:, column]
        )
        for column, component in zip(columns.tolist(), components, strict=False)
    }
    if edges:
        figures[name] = _spectra(synthetic.values[:, columns], reference.values[:, columns], edges)
    return figures


def outlier_table(features: FeatureSet, outliers: Outliers) -> Plain:
    """The samples farthest from the reference among those that are outliers, at most 1,000."""
    farthest = outliers.rows[np.argsort(-outliers.distances[outliers.rows], kind="stable")][:_MOST_LISTED]
    rows = [[features.ids[row], float(outliers.distances[row]), outliers.limit] for row in farthest.tolist()]
    return {"columns": ["sample", "distance", "limit"], "rows": rows}


def outlier_histogram(name: str, outliers: Outliers) -> Plain:
    """Distances to the reference, of both sets, with the limit."""
    title = f"Distance to the reference, {name}"
    figure = _histogram(title, "distance", outliers.distances, outliers.reference_distances)
    return figure | {"limits": {"limit": outliers.limit}}


def _histogram(title: str, label: str, synthetic: NDArray[np.float32], reference: NDArray[np.float32]) -> Plain:
    both = {"synthetic": synthetic.astype(np.float64), "reference": reference.astype(np.float64)}
    edges = np.histogram_bin_edges(np.concatenate(list(both.values())), bins=_BINS)
    series = {name: (np.histogram(values, bins=edges)[0] / len(values)).tolist() for name, values in both.items()}
    labels = {"x_label": label, "y_label": "share of samples"}
    return {"kind": "histogram", "title": title, **labels, "edges": edges.tolist(), "series": series}


def _spectra(synthetic: NDArray[np.float32], reference: NDArray[np.float32], edges: Edges) -> Plain:
    mean, _ = mean_curve(synthetic.astype(np.float64))
    usual, (low, high) = mean_curve(reference.astype(np.float64))
    curves = {"synthetic": mean, "reference": usual, "reference, lowest 5 %": low, "reference, highest 5 %": high}
    return {
        "kind": "curve",
        "title": "Power spectrum",
        "x_label": "cycles per mm",
        "y_label": "power, dB",
        "x": [(below + above) / 2 for below, above in edges],
        "series": {name: values.tolist() for name, values in curves.items()},
    }


def _ends(interval: Interval | None) -> tuple[float | None, float | None]:
    return (None, None) if interval is None else interval
