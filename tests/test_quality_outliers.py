"""Samples whose image quality is far from the others or the reference."""

from __future__ import annotations

import numpy as np
import pytest

from voxpress.quality.checks.outliers import LEAST_SAMPLES, find_outliers, robust_z
from voxpress.quality.features import FeatureSet
from voxpress.quality.features.iqm import HISTOGRAM_BINS, IQM, ImageQuality


def quality(count: int, seed: int = 0, *, feature_id: str = ImageQuality.feature_id) -> FeatureSet:
    """Figures as of sound brains."""
    rng = np.random.default_rng(seed)
    middle = np.asarray([0.9, 2.5, 0.6, 14, 0.7, 2.2, 0.03])
    values = middle * rng.normal(1, 0.05, (count, len(IQM)))
    bins = np.exp(-0.5 * ((np.arange(HISTOGRAM_BINS) - 18) / 5) ** 2) * rng.normal(1, 0.02, (count, HISTOGRAM_BINS))
    histograms = bins / bins.sum(axis=1, keepdims=True)
    return FeatureSet(
        name="iqm",
        feature_id=feature_id,
        ids=tuple(f"s{number}" for number in range(count)),
        values=np.concatenate([values, histograms], axis=1).astype(np.float32),
    )


@pytest.mark.parametrize(
    ("figure", "factor", "code"),
    [
        ("cnr", 0.3, "LOW_CNR"),
        ("fwhm_mm", 2.5, "LOW_SHARPNESS"),
        ("high_frequency_share", 0.2, "LOW_SHARPNESS"),
        ("cjv", 3.0, "IQM_OUTLIER"),
        ("cnr", 4.0, "IQM_OUTLIER"),
        ("efc", 0.4, "IQM_OUTLIER"),
    ],
)
@pytest.mark.parametrize("against", ["itself", "the reference"])
def test_a_figure_far_away_is_found_and_nobody_else(figure, factor, code, against):
    figures = quality(60)
    figures.values[17, IQM.index(figure)] *= factor
    reference = quality(40, seed=1) if against == "the reference" else None
    found = find_outliers(figures, reference=reference)
    assert found.reasons == {"s17": (code,)}
    assert found.self_referenced == (reference is None)
    assert found.unjudged == 0


def test_another_histogram_is_found():
    figures = quality(60)
    figures.values[5, len(IQM) :] = np.roll(figures.values[5, len(IQM) :], -9)
    assert find_outliers(figures).reasons == {"s5": ("HIST_OUTLIER",)}


def test_a_whole_set_can_only_be_wrong_beside_a_reference():
    figures = quality(60)
    figures.values[:, IQM.index("fwhm_mm")] *= 2
    assert find_outliers(figures).reasons == {}
    assert len(find_outliers(figures, reference=quality(40, seed=1)).reasons) == 60


def test_kinds_of_images_are_compared_with_their_like():
    one, other = quality(30), quality(30, seed=1)
    other.values[:, IQM.index("cnr")] *= 3
    both = FeatureSet(
        name="iqm",
        feature_id=one.feature_id,
        ids=tuple(f"s{number}" for number in range(60)),
        values=np.concatenate([one.values, other.values]),
    )
    groups = ["T1w"] * 30 + ["T2w"] * 30
    assert find_outliers(both, groups=groups).reasons == {}
    both.values[3, IQM.index("cnr")] *= 0.2
    assert find_outliers(both, groups=groups).reasons == {"s3": ("LOW_CNR",)}


def test_too_few_samples_are_not_judged():
    figures = quality(LEAST_SAMPLES - 1)
    figures.values[0, 0] *= 9
    found = find_outliers(figures)
    assert found.reasons == {}
    assert found.unjudged == LEAST_SAMPLES - 1


def test_figures_that_hardly_vary_make_no_outliers():
    values = np.full((50, 1), 2.0)
    values[0] = 2.3
    assert (robust_z(values, values) == 0).all()
    values[0] = 4.0
    assert robust_z(values, values)[0, 0] > 5


def test_other_features_do_not_compare():
    with pytest.raises(ValueError, match="iqm/0 does not compare with"):
        find_outliers(quality(30, feature_id="iqm/0"), reference=quality(30))
