"""The Fréchet distance against the matrix square root, and where its value is known."""

import numpy as np
import pytest
from scipy import linalg

from voxpress.quality.sets.frechet import frechet, frechet_of_moments

RANDOM = np.random.default_rng(2)


def _once(x):
    return np.ones((1, len(x)))


def test_it_is_that_of_the_matrix_square_root():
    x = RANDOM.normal(0, 1, (50, 7)) @ RANDOM.normal(size=(7, 7))
    y = RANDOM.normal(1, 2, (60, 7))
    a, b = np.cov(x.T), np.cov(y.T)
    root = linalg.sqrtm(a @ b).real
    expected = ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(a + b - 2 * root)
    assert frechet(x, y, _once(x), _once(y)).item() == pytest.approx(expected, rel=1e-8)


def test_normal_distributions_of_one_dimension():
    # (μ1 − μ2)² + (σ1 − σ2)²
    found = frechet_of_moments(np.array([3.0]), np.array([[4.0]]), np.array([1.0]), np.array([[25.0]]))
    assert found == pytest.approx(4 + 9)


def test_a_set_and_itself_have_none():
    x = RANDOM.normal(0, 1, (40, 5))
    assert frechet(x, x, _once(x), _once(x)).item() == pytest.approx(0, abs=1e-9)


def test_a_covariance_without_full_rank_is_taken():
    x = np.repeat(RANDOM.normal(size=(40, 2)), 3, axis=1)
    found = frechet(x, x + 2, _once(x), _once(x)).item()
    assert found == pytest.approx(6 * 4, rel=1e-6)


def test_a_weighting_is_the_set_with_its_rows_repeated():
    x, y = RANDOM.normal(size=(30, 4)), RANDOM.normal(size=(30, 4))
    counts = RANDOM.multinomial(30, np.full(30, 1 / 30), size=2).astype(float)
    expected = [frechet(np.repeat(x, w.astype(int), axis=0), y, _once(x), _once(y)).item() for w in counts]
    np.testing.assert_allclose(frechet(x, y, counts, np.ones((2, 30)))[:, 0], expected, rtol=1e-8)


def test_it_is_biased_and_less_so_with_more_samples():
    def mean_of(rows):
        sets = [np.random.default_rng(seed).normal(size=(2, rows, 8)) for seed in range(20)]
        return np.mean([frechet(x, y, _once(x), _once(y)).item() for x, y in sets])

    assert mean_of(80) > 2 * mean_of(400) > 0
