"""LOW_CNR, LOW_SHARPNESS, HIST_OUTLIER, IQM_OUTLIER: samples whose image quality is far from all others.

Far is more than five robust standard deviations from the median, and more than a fifth of the median: of the reference
where there is one, else of the set itself, which is then said (`self_referenced`), as a set cannot be wrong as a whole
by its own standard.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from ..features.iqm import IQM

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ..features import FeatureSet

__all__ = ["LEAST_SAMPLES", "Outliers", "find_outliers", "robust_z"]

LEAST_SAMPLES = 20
"""That a median and a spread are taken of; with fewer, nobody is called an outlier."""

_FAR: Final = 5.0
_MAD: Final = 1.4826
"""Makes the median absolute deviation that of a normal distribution."""
_LEAST_SHARE: Final = 0.2
"""Of the median: a set that hardly varies must not call its own noise an outlier."""
_LOW_CODES: Final = {"cnr": "LOW_CNR", "high_frequency_share": "LOW_SHARPNESS"}
_HIGH_CODES: Final = {"fwhm_mm": "LOW_SHARPNESS"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outliers:
    """What was found.

    Attributes:
        reasons: sample → codes; only those that have one.
        self_referenced: the samples were compared with each other, for want of a reference.
        unjudged: samples that could not be compared, for want of others like them.
    """

    reasons: dict[str, tuple[str, ...]]
    self_referenced: bool
    unjudged: int


def find_outliers(
    figures: FeatureSet, *, reference: FeatureSet | None = None, groups: Sequence[object] | None = None
) -> Outliers:
    """Finds the samples that stand apart by their image quality.

    Args:
        figures: of `ImageQuality`.
        reference: the same of the reference; too few volumes count as none.
        groups: what kind of image each sample is (its contrast), where a set holds several; only the like are compared
            with each other. A reference is taken to be of one kind, and compared with all.

    Raises:
        ValueError: the two are not of the same features.
    """
    if reference is not None and reference.feature_id != figures.feature_id:
        msg = f"{figures.feature_id} does not compare with {reference.feature_id}; make the features of both again"
        raise ValueError(msg)
    if reference is not None and len(reference) >= LEAST_SAMPLES:
        return Outliers(reasons=_reasons(figures, reference.values), self_referenced=False, unjudged=0)
    reasons: dict[str, tuple[str, ...]] = {}
    unjudged = 0
    for rows in _alike(groups, len(figures)):
        if len(rows) < LEAST_SAMPLES:
            unjudged += len(rows)
        else:
            part = figures.take(rows)
            reasons |= _reasons(part, part.values)
    return Outliers(reasons=reasons, self_referenced=True, unjudged=unjudged)


def robust_z(values: NDArray[np.float64], among: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distances from the median, in robust standard deviations; 0 for what is nearer than a fifth of the median.

    Args:
        values: `(n, k)` to judge.
        among: `(m, k)` that give median and spread.
    """
    middle = np.median(among, axis=0)
    spread = _MAD * np.median(np.abs(among - middle), axis=0)
    distance = values - middle
    least = np.maximum(_LEAST_SHARE * np.abs(middle), np.finfo(np.float32).eps)
    scores = distance / np.maximum(spread, least / _FAR)
    return np.where(np.abs(distance) > least, scores, 0.0)


def _alike(groups: Sequence[object] | None, count: int) -> list[NDArray[np.int64]]:
    if groups is None:
        return [np.arange(count)]
    kinds = list(dict.fromkeys(groups))
    numbers = np.asarray([kinds.index(group) for group in groups])
    return [np.flatnonzero(numbers == number) for number in range(len(kinds))]


def _reasons(figures: FeatureSet, among: NDArray[np.float32]) -> dict[str, tuple[str, ...]]:
    here, there = figures.values.astype(np.float64), among.astype(np.float64)
    count = len(IQM)
    scores = robust_z(here[:, :count], there[:, :count])
    # of histograms, the size of the difference of the cumulated shares: the Wasserstein distance in bins
    typical = np.median(there[:, count:], axis=0)
    apart, usual = (_distances(part[:, count:], typical) for part in (here, there))
    spread = _log_z(apart, usual)
    found: dict[str, tuple[str, ...]] = {}
    for row in np.flatnonzero((np.abs(scores) > _FAR).any(axis=1) | (spread > _FAR)).tolist():
        codes = [_code(name, float(score)) for name, score in zip(IQM, scores[row], strict=True) if abs(score) > _FAR]
        codes += ["HIST_OUTLIER"] if spread[row] > _FAR else []
        found[figures.ids[row]] = tuple(dict.fromkeys(codes))
    return found


def _distances(histograms: NDArray[np.float64], typical: NDArray[np.float64]) -> NDArray[np.float64]:
    apart: NDArray[np.float64] = np.abs(np.cumsum(histograms - typical, axis=1)).sum(axis=1)
    return apart


def _log_z(values: NDArray[np.float64], among: NDArray[np.float64]) -> NDArray[np.float64]:
    """As `robust_z`, of logarithms, as sizes are skewed; 0 for what is less than twice the median."""
    here, there = (np.log(np.maximum(each, np.finfo(np.float32).eps)) for each in (values, among))
    middle = np.median(there)
    least = np.log(2)
    spread = max(_MAD * float(np.median(np.abs(there - middle))), least / _FAR)
    return np.where(here - middle > least, (here - middle) / spread, 0.0)


def _code(figure: str, score: float) -> str:
    return (_LOW_CODES if score < 0 else _HIGH_CODES).get(figure, "IQM_OUTLIER")
