"""Which samples lie far from the reference."""

import numpy as np
import pytest

from voxpress.quality.sets import outliers
from voxpress.quality.sets.outliers import find_outliers, outlier_share

RANDOM = np.random.default_rng(10)
REFERENCE = RANDOM.normal(size=(300, 4)).astype(np.float32)


def _naive(x, y, k):
    return np.sort(np.sqrt(((x[:, None].astype(float) - y[None]) ** 2).sum(2)), axis=1)[:, k - 1]


def test_distances_and_limit_are_those_of_all_pairs(monkeypatch):
    monkeypatch.setattr(outliers, "_BLOCK_ROWS", 7)
    x = RANDOM.normal(size=(40, 4)).astype(np.float32)
    found = find_outliers(x, REFERENCE, scale=lambda values: values * 2)
    np.testing.assert_allclose(found.distances, 2 * _naive(x, REFERENCE, 5), rtol=1e-4)
    # the nearest of all is the row itself
    assert found.limit == pytest.approx(np.quantile(2 * _naive(REFERENCE, REFERENCE, 6), 0.999), rel=1e-4)


def test_a_planted_outlier_is_found_and_nothing_else():
    x = RANDOM.normal(size=(100, 4)).astype(np.float32) * 0.8
    x[17] = 30
    assert find_outliers(x, REFERENCE).rows.tolist() == [17]


def test_the_share_counts_each_row_as_often_as_it_was_drawn():
    x = np.zeros((4, 4))
    x[3] = 30
    counts = np.array([[1, 1, 1, 1], [0, 0, 2, 2], [2, 2, 0, 0]], float)
    found = outlier_share(x, REFERENCE.astype(float), counts, np.ones((3, 300)))
    np.testing.assert_allclose(found[:, 0], [0.25, 0.5, 0])


def test_few_samples_of_the_same_population_are_outliers():
    y = RANDOM.normal(size=(2000, 3)).astype(np.float32)
    x = RANDOM.normal(size=(2000, 3)).astype(np.float32)
    assert len(find_outliers(x, y).rows) < 12
