"""What the inspection of all samples comes to: shares and counts, for the gate and for people."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from .checks.meanings import MEANINGS, OF_A_SET
from .checks.outliers import LEAST_SAMPLES, find_outliers
from .features.iqm import IQM
from .scores import Score, not_run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .checks.outliers import Outliers
    from .features import FeatureSet
    from .inspecting import Inspection

    Table = dict[str, Any]

__all__ = ["sample_scores"]

_BINS = 20
_MOST_NAMED = 1000
"""Samples that a table names: all of them are in `quality/samples.parquet`."""
_GENERATION_ONLY: Final = frozenset({"MISSING", "FOLDED", "UNREACHED"})
"""Codes that a finished store cannot have: its arrays are there, and what backends find is not in the voxels."""


_TITLES: Final = {
    "efc": "Entropy focus criterion (EFC): lower is sharper",
    "cnr": "Contrast to noise (CNR) of the two brighter tissues",
    "cjv": "Joint variation (CJV) of the two brighter tissues: lower is better",
    "snr": "Signal to noise (SNR) of the brightest tissue",
    "wm2max": "Brightest tissue, over the brightest voxels (WM2MAX)",
    "fwhm_mm": "Smoothness (FWHM), mm",
    "high_frequency_share": "Share of fine detail in the power spectrum",
}


def sample_scores(
    inspection: Inspection,
    *,
    rejected: int,
    quality: FeatureSet | None = None,
    reference: FeatureSet | None = None,
    groups: Sequence[object] | None = None,
) -> tuple[list[Score], dict[str, Table], dict[str, Table]]:
    """Scores, tables and figures of the part `samples`.

    Args:
        inspection: of the store.
        rejected: samples that no attempt made well enough, which the store has not.
        quality: the samples' figures of `ImageQuality`; None where some could not be computed.
        reference: the same of the reference.
        groups: what kind of image each sample is, where the set holds several.
    """
    count = len(inspection.ids)
    n = {"synthetic": count} | ({"reference": len(reference)} if reference is not None else {})
    outliers = None if quality is None else find_outliers(quality, reference=reference, groups=groups)
    counts = Counter(code for codes in inspection.reasons.values() for code in codes)
    scores = [
        _share("samples.reject_rate", len(inspection.reasons), count),
        Score(id="samples.holes", value=float(rejected), n=n),
        *(
            Score(id=f"samples.{code.lower()}", value=float(counts[code]), n={"synthetic": count})
            for code in MEANINGS
            if code not in OF_A_SET and code not in _GENERATION_ONLY
        ),
        *_outlier_scores(outliers, quality, n),
    ]
    apart = {} if outliers is None else outliers.reasons
    tables = {"reasons": _reasons_table(counts, outliers, count), "samples": _samples_table(inspection, apart)}
    figures: dict[str, Table] = {}
    if quality is not None and count:
        tables["quality"] = _quality_table(quality, reference)
        figures = _histograms(quality, reference)
    return scores, tables, figures


def _share(score_id: str, hits: int, count: int) -> Score:
    """A share with its Wilson interval."""
    if not count:
        return not_run(score_id, "the data set has no samples")
    z, p = 1.959964, hits / count
    middle, half = p + z * z / (2 * count), z * np.sqrt(p * (1 - p) / count + z * z / (4 * count * count))
    low, high = ((middle + sign * half) / (1 + z * z / count) for sign in (-1, 1))
    interval = float(max(low, 0)), float(min(high, 1))
    return Score(id=score_id, value=p, interval=interval, n={"synthetic": count})


def _outlier_scores(outliers: Outliers | None, quality: FeatureSet | None, n: Mapping[str, int]) -> list[Score]:
    ids = ["samples.outlier_rate", *(f"samples.{code.lower()}" for code in OF_A_SET)]
    if outliers is None or quality is None:
        reason = "not every sample has figures of image quality; see the samples that could not be embedded"
        return [not_run(each, reason, n=n) for each in ids]
    if outliers.unjudged == len(quality):
        reason = f"samples are compared with at least {LEAST_SAMPLES} others of their kind; there are fewer"
        return [not_run(each, reason, feature_id=quality.feature_id, n=n) for each in ids]
    counts = Counter(code for codes in outliers.reasons.values() for code in codes)
    judged = {**n, "judged": len(quality) - outliers.unjudged}
    kind = quality.feature_id + (" self-referenced" if outliers.self_referenced else "")
    return [
        Score(id=ids[0], value=len(outliers.reasons) / judged["judged"], n=judged, feature_id=kind),
        *(
            Score(id=f"samples.{code.lower()}", value=float(counts[code]), n=judged, feature_id=kind)
            for code in OF_A_SET
        ),
    ]


def _reasons_table(counts: Mapping[str, int], outliers: Outliers | None, count: int) -> Table:
    apart = Counter(code for codes in (outliers.reasons if outliers else {}).values() for code in codes)
    against = "the set itself" if outliers is None or outliers.self_referenced else "the reference"
    rows = [[code, MEANINGS[code], hits, hits / count, "a fixed limit"] for code, hits in sorted(counts.items())]
    rows += [[code, MEANINGS[code], hits, hits / count, against] for code, hits in sorted(apart.items())]
    return {"columns": ["code", "meaning", "samples", "share", "against"], "rows": rows}


def _samples_table(inspection: Inspection, apart: Mapping[str, Sequence[str]]) -> Table:
    names = [name for name in inspection.ids if name in inspection.reasons or name in apart]
    rows = [
        [name, ", ".join(inspection.reasons.get(name, ())), ", ".join(apart.get(name, ()))]
        for name in names[:_MOST_NAMED]
    ]
    return {"columns": ["sample_id", "reasons", "outlier_reasons"], "rows": rows}


def _quality_table(quality: FeatureSet, reference: FeatureSet | None) -> Table:
    rows = []
    for place, name in enumerate(IQM):
        values = [float(x) for x in np.percentile(quality.values[:, place], [5, 50, 95])]
        median = None if reference is None else float(np.median(reference.values[:, place]))
        rows.append([name, *values, median])
    return {"columns": ["figure", "5th percentile", "median", "95th percentile", "reference median"], "rows": rows}


def _histograms(quality: FeatureSet, reference: FeatureSet | None) -> dict[str, Table]:
    figures = {}
    for place, name in enumerate(IQM):
        series = {"synthetic": quality.values[:, place]}
        if reference is not None:
            series["reference"] = reference.values[:, place]
        together = np.concatenate(list(series.values())).astype(np.float64)
        edges = np.histogram_bin_edges(together, bins=_BINS)
        figures[f"quality.{name}"] = {
            "kind": "histogram",
            "title": _TITLES[name],
            "x_label": name,
            "edges": edges.tolist(),
            "series": {each: np.histogram(values, bins=edges)[0].tolist() for each, values in series.items()},
        }
    return figures
