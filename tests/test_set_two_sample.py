"""The classifier two-sample test, and the area under the curve against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from voxpress.quality.sets.two_sample import area_under_curve, classifier_auc

RANDOM = np.random.default_rng(9)


def test_the_area_is_scikit_learns_with_ties_and_weights():
    positive, negative = RANDOM.integers(0, 9, 30) + 2.0, RANDOM.integers(0, 9, 40) + 0.0
    counts = RANDOM.integers(0, 4, (3, 30)).astype(float), RANDOM.integers(0, 4, (3, 40)).astype(float)
    found = area_under_curve(positive, negative, *counts)
    label, score = np.repeat([1, 0], [30, 40]), np.concatenate([positive, negative])
    expected = [roc_auc_score(label, score, sample_weight=np.concatenate(w)) for w in zip(*counts, strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_it_tells_a_shift_and_nothing_where_there_is_none():
    once = np.ones((1, 200))
    x, y = RANDOM.normal(size=(2, 200, 5))
    assert classifier_auc(x + 2, y, once, once).item() > 0.95
    same = [classifier_auc(*np.random.default_rng(i).normal(size=(2, 200, 5)), once, once).item() for i in range(10)]
    assert np.mean(same) == pytest.approx(0.5, abs=0.05)


def test_it_learns_on_one_half_and_is_judged_on_the_other():
    # more numbers than rows: a classifier judged on what it learnt would tell them all
    x, y = RANDOM.normal(size=(2, 40, 60))
    assert classifier_auc(x, y, np.ones((1, 40)), np.ones((1, 40))).item() < 0.8
