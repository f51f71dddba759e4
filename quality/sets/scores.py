"""All scores of a set of samples against a reference, each beside its floor."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ..features.morphometry import MORPHOMETRY
from ..features.spectrum import SPECTRUM_EDGES
from ..scores import Score, not_run
from . import drawing
from .duplicate_scores import duplicate_scores
from .floors import RESAMPLES, SPLITS, Beside, beside_floor, equal_rows, halving
from .kernel import gaussian_test
from .metrics import LEAST_ROWS, NOT_DISTRIBUTIONS, Metric, Taken, metrics_of, most_dimensions
from .outliers import Outliers, find_outliers
from .scaling import Scaling, check_same_features, fit_scaling

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from ..features import FeatureSet

    Floats = NDArray[np.float64]
    Findings: TypeAlias = tuple[tuple[Score, ...], dict[str, Any], dict[str, Any]]
    """Scores, tables and figures, as a part of the report holds them."""

__all__ = ["MOST_ROWS", "set_scores"]

MOST_ROWS = 2000
"""Rows of each set that a statistic takes, drawn by the seed: more would cost time by their square, and tell little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    seed: int
    most_rows: int
    resamples: int
    splits: int
    components: Mapping[str, Sequence[str]]


@dataclass(slots=True)
class _Found:
    """What has been found so far."""

    scores: list[Score] = field(default_factory=list)
    tables: dict[str, Any] = field(default_factory=dict)
    figures: dict[str, Any] = field(default_factory=dict)


def set_scores(
    synthetic: Mapping[str, FeatureSet],
    reference: Mapping[str, FeatureSet] | None,
    *,
    seed: int = 0,
    digests: Sequence[str] | None = None,
    components: Mapping[str, Sequence[str]] | None = None,
    most_rows: int = MOST_ROWS,
    resamples: int = RESAMPLES,
    splits: int = SPLITS,
    progress: Callable[[int, int, str], None] | None = None,
) -> Findings:
    """Measures a set: every distance and share, each beside the same between two halves of the reference.

    The same arguments give the same numbers. Memory grows with n + m, not with n·m.

    Args:
        synthetic: name → features of the set that is judged. `sign_hash` and `copy_dct` find duplicates, `spectrum`
            and `morphometry` get metrics of their own; what is not known is taken as features of a network.
        reference: name → features of real samples; None where there are none, and then the scores say so.
        seed: of rows taken, halvings, resamples and directions.
        digests: sha256 of the voxels of each synthetic sample, as in the table of the data set.
        components: name → names of the single features, where they mean something one by one; of `morphometry` known.
        most_rows: of each set that a statistic takes.
        resamples: bootstrap resamples of an interval.
        splits: halvings of the reference behind a floor.
        progress: called with how many kinds of features are done, of how many, and the next one's name.

    Returns:
        scores, tables and figures.

    Raises:
        ValueError: the same name stands for features that do not compare (other extractors or widths).
    """
    options = _Options(
        seed=seed,
        most_rows=most_rows,
        resamples=resamples,
        splits=splits,
        components={"morphometry": MORPHOMETRY} | dict(components or {}),
    )
    names = [name for name in synthetic if name not in NOT_DISTRIBUTIONS]
    for name in names:
        if reference is not None and name in reference:
            check_same_features(reference[name], synthetic[name])
    found = _Found()
    for done, name in enumerate(names):
        if progress is not None:
            progress(done, len(names), name)
        _features(found, synthetic[name], None if reference is None else reference.get(name), options)
    scores, table = duplicate_scores(synthetic, reference, digests)
    found.scores += scores
    found.tables["duplicates"] = table
    found.tables["set"] = drawing.score_table(found.scores)
    if (bars := drawing.ratio_bars(found.scores))["labels"]:
        found.figures["set_ratios"] = bars
    if progress is not None:
        progress(len(names), len(names), "")
    return tuple(found.scores), found.tables, found.figures


def _features(found: _Found, synthetic: FeatureSet, reference: FeatureSet | None, options: _Options) -> None:
    """Adds all that one kind of features tells."""
    name = synthetic.name
    reason = _why_not(synthetic, reference, options)
    scaling = None
    if reference is not None and not reason:
        try:
            scaling = fit_scaling(reference, synthetic)
        except ValueError as error:
            reason = str(error)
    columns = np.arange(synthetic.values.shape[1]) if scaling is None else scaling.columns
    metrics = metrics_of(
        name, components=_names(name, columns, options), edges=_edges(synthetic, columns), seed=options.seed
    )
    if reference is None or scaling is None:
        n = _counted(synthetic, reference)
        ids = [score_id for metric in metrics for score_id in metric.ids] + list(_test_ids(name))
        found.scores += [not_run(score_id, reason, feature_id=synthetic.feature_id, n=n) for score_id in ids]
        return
    rows = equal_rows(len(synthetic), len(reference), options.most_rows)
    pair = _Pair(synthetic=synthetic, reference=reference, scaling=scaling, rows=rows, seed=options.seed)
    found.scores += _measure(metrics, pair, options)
    found.scores += _gaussian(name, pair, options)
    _outliers(found, synthetic, reference, scaling)
    found.figures |= drawing.feature_figures(
        name,
        synthetic,
        reference,
        columns=columns,
        components=_names(name, columns, options),
        edges=_edges(synthetic, columns),
    )


def _why_not(synthetic: FeatureSet, reference: FeatureSet | None, options: _Options) -> str:
    if reference is None:
        return "no real samples have these features; give a reference, whose volumes the same extractor can take"
    rows = equal_rows(len(synthetic), len(reference), options.most_rows)
    if rows < LEAST_ROWS:
        return (
            f"{len(synthetic)} synthetic samples and {len(reference)} of the reference are too few: at least "
            f"{LEAST_ROWS} and {2 * LEAST_ROWS} are needed, because the floor is measured between two halves"
        )
    return ""


def _names(name: str, columns: NDArray[np.int64], options: _Options) -> tuple[str, ...]:
    known = options.components.get(name, ())
    return tuple(known[column] for column in columns.tolist()) if known else ()


def _edges(features: FeatureSet, columns: NDArray[np.int64]) -> tuple[tuple[float, float], ...]:
    if features.name != "spectrum" or features.values.shape[1] != len(SPECTRUM_EDGES) - 1:
        return ()
    return tuple((SPECTRUM_EDGES[column], SPECTRUM_EDGES[column + 1]) for column in columns.tolist())


def _counted(synthetic: FeatureSet, reference: FeatureSet | None) -> dict[str, int]:
    return {"synthetic": len(synthetic), "reference": 0 if reference is None else len(reference)}


@dataclass(slots=True, kw_only=True)
class _Pair:
    """The rows that statistics take of both sets, prepared once for each way of taking them."""

    synthetic: FeatureSet
    reference: FeatureSet
    scaling: Scaling
    rows: int
    seed: int
    prepared: dict[Taken, tuple[Floats, Floats, str]] = field(default_factory=dict)

    def taken(self, how: Taken) -> tuple[Floats, Floats, str]:
        """`(rows, d)` of the set, `(2 · rows, d)` of the reference, and the id of what they are."""
        if how not in self.prepared:
            self.prepared[how] = self._prepare(how)
        return self.prepared[how]

    def _prepare(self, how: Taken) -> tuple[Floats, Floats, str]:
        x = self.synthetic.take(_some_rows(len(self.synthetic), self.rows, self.seed, 20))
        y = self.reference.take(_some_rows(len(self.reference), 2 * self.rows, self.seed, 21))
        if how == "raw":
            kept = self.scaling.columns
            raw = [taken.values[:, kept].astype(np.float64) for taken in (x, y)]
            return raw[0], raw[1], y.feature_id
        most = most_dimensions(how, self.rows)
        blind = how == "wide"
        limit = most if most is None or blind else min(most, len(y) - 1)
        scaling = self.scaling if limit is None else fit_scaling(y, x, most=limit, blind=blind)
        return scaling(x.values), scaling(y.values), scaling.feature_id


def _some_rows(rows: int, most: int, seed: int, side: int) -> NDArray[np.int64]:
    return np.sort(np.random.default_rng([seed, side]).permutation(rows)[:most])


def _measure(metrics: Sequence[Metric], pair: _Pair, options: _Options) -> list[Score]:
    scores: list[Score] = []
    for metric in metrics:
        x, y, feature_id = pair.taken(metric.taken)
        measured = beside_floor(
            metric.statistic,
            x,
            y,
            rows=pair.rows,
            seed=options.seed,
            splits=options.splits,
            resamples=options.resamples,
        )
        scores += [_score(i, beside, feature_id, metric.unit) for i, beside in zip(metric.ids, measured, strict=True)]
    return scores


def _score(score_id: str, beside: Beside, feature_id: str, unit: str) -> Score:
    return Score(
        id=score_id,
        value=beside.value,
        interval=beside.interval,
        floor=beside.floor,
        floor_interval=beside.floor_interval,
        n={"synthetic": beside.rows, "reference": beside.rows},
        feature_id=feature_id,
        unit=unit,
    )


def _test_ids(name: str) -> tuple[str, str]:
    return f"set.mmd.{name}", f"set.mmd_p.{name}"


def _gaussian(name: str, pair: _Pair, options: _Options) -> list[Score]:
    x, y, feature_id = pair.taken("scaled")
    half, _ = halving(len(y), pair.rows, options.seed, 0)
    n = {"synthetic": pair.rows, "reference": pair.rows}
    try:
        found = gaussian_test(x, y[half], seed=options.seed, permutations=options.resamples)
    except ValueError as error:
        return [not_run(score_id, str(error), feature_id=feature_id, n=n) for score_id in _test_ids(name)]
    return [Score(id=i, value=v, feature_id=feature_id, n=n) for i, v in zip(_test_ids(name), found, strict=True)]


def _outliers(found: _Found, synthetic: FeatureSet, reference: FeatureSet, scaling: Scaling) -> None:
    outliers: Outliers = find_outliers(synthetic.values, reference.values, scale=scaling)
    name = synthetic.name
    found.tables[f"outliers.{name}"] = drawing.outlier_table(synthetic, outliers)
    found.figures[f"outliers.{name}"] = drawing.outlier_histogram(name, outliers)
