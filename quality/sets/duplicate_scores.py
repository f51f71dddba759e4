"""How many samples of a set repeat another of it, as scores and a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..scores import Score, not_run
from .duplicates import Duplicate, exact_duplicates, hash_words, near_duplicates
from .scaling import column_moments

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ..features import FeatureSet
    from ..scores import Interval

__all__ = ["clopper_pearson", "duplicate_scores"]

_EXACT, _NEAR = "set.duplicates_exact", "set.duplicates_near"
_MOST_LISTED = 1000


def duplicate_scores(
    features: Mapping[str, FeatureSet], reference: Mapping[str, FeatureSet] | None, digests: Sequence[str] | None
) -> tuple[list[Score], dict[str, Any]]:
    """`set.duplicates_exact` and `set.duplicates_near`, shares of samples that repeat an earlier one.

    Args:
        features: name → features; `sign_hash` and `copy_dct` are needed for near ones.
        reference: the same of real samples; its `copy_dct` says how much samples differ. Without it, the set itself.
        digests: sha256 of the voxels of each sample; needed for exact ones.

    Returns:
        the scores, and a table of the first 1,000 pairs.
    """
    ids = next((found.ids for found in features.values()), ())
    exact_score, exact = _exact(digests)
    near_score, near = _near(features.get("sign_hash"), features.get("copy_dct"), (reference or {}).get("copy_dct"))
    pairs = [("exact", pair) for pair in exact] + [("near", pair) for pair in near]
    rows = [
        [kind, _called(ids, pair.row), _called(ids, pair.first), pair.hamming, pair.cosine]
        for kind, pair in pairs[:_MOST_LISTED]
    ]
    return [exact_score, near_score], {"columns": ["kind", "sample", "repeats", "bits", "cosine"], "rows": rows}


def clopper_pearson(count: int, of: int) -> Interval:
    """The exact 95 % interval of a share (Clopper & Pearson 1934)."""
    from scipy.stats import binomtest

    found = binomtest(count, of).proportion_ci(confidence_level=0.95, method="exact")
    return float(found.low), float(found.high)


def _exact(digests: Sequence[str] | None) -> tuple[Score, list[Duplicate]]:
    if not digests:
        return not_run(_EXACT, "the digests of the samples' voxels are not there; give the column `sha256`"), []
    found = exact_duplicates(digests)
    return _share(_EXACT, found, len(digests), "sha256"), found


def _near(
    hashes: FeatureSet | None, embeddings: FeatureSet | None, reference: FeatureSet | None
) -> tuple[Score, list[Duplicate]]:
    if hashes is None or embeddings is None or not len(hashes):
        missing = [name for name, found in (("sign_hash", hashes), ("copy_dct", embeddings)) if not found]
        return not_run(_NEAR, f"the features {' and '.join(missing)} of the samples are not there; embed them"), []
    centre, deviation = _population(embeddings if reference is None or len(reference) < 2 else reference)
    words = hash_words(hashes.values)
    found = near_duplicates(words, embeddings.values, centre=centre, deviation=deviation)
    return _share(_NEAR, found, len(hashes), f"{hashes.feature_id}, {embeddings.feature_id}+z"), found


def _population(features: FeatureSet) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation; where all samples are the same, they are compared as they are."""
    mean, deviation = column_moments(features.values)
    if not deviation.any():
        return np.zeros_like(mean), np.ones_like(mean)
    deviation[deviation == 0] = np.inf
    return mean, deviation


def _share(score_id: str, found: Sequence[Duplicate], of: int, feature_id: str) -> Score:
    return Score(
        id=score_id,
        value=len(found) / of,
        interval=clopper_pearson(len(found), of),
        n={"synthetic": of, "duplicates": len(found)},
        feature_id=feature_id,
    )


def _called(ids: Sequence[str], row: int) -> str:
    return ids[row] if row < len(ids) else str(row)
