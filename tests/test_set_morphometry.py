"""Wasserstein distances against SciPy, and of known shifts."""

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from voxpress.quality.sets.morphometry import directions, sliced_wasserstein, wasserstein

RANDOM = np.random.default_rng(7)


def test_each_column_is_scipys_for_every_weighting():
    x, y = RANDOM.normal(size=(30, 3)), RANDOM.normal(0.3, 2, (45, 3))
    x_counts = RANDOM.multinomial(30, np.full(30, 1 / 30), size=4).astype(float)
    y_counts = RANDOM.multinomial(45, np.full(45, 1 / 45), size=4).astype(float)
    found = wasserstein(x, y, x_counts, y_counts)
    expected = [
        [wasserstein_distance(x[:, c], y[:, c], w, v) for c in range(3)]
        for w, v in zip(x_counts, y_counts, strict=True)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_ties_do_not_matter():
    x, y = np.array([[1.0], [1], [2]]), np.array([[1.0], [2], [2]])
    assert wasserstein(x, y, np.ones((1, 3)), np.ones((1, 3))).item() == pytest.approx(1 / 3)


def test_a_shift_is_its_own_distance():
    y = RANDOM.normal(size=(80, 2))
    np.testing.assert_allclose(wasserstein(y + np.array([0.25, 0]), y, np.ones((1, 80)), np.ones((1, 80))), [[0.25, 0]])


def test_the_sliced_distance_sees_what_no_component_does():
    a = RANDOM.normal(size=400)
    y, x = np.stack([a, a], axis=1), np.stack([a, -a], axis=1)
    once = np.ones((1, 400))
    single = wasserstein(x, y, once, once)
    assert single.max() < 0.2
    assert sliced_wasserstein()(x, y, once, once).item() > 3 * single.max()


def test_directions_are_unit_vectors_of_the_seed():
    np.testing.assert_allclose(np.linalg.norm(directions(5, seed=1), axis=0), 1)
    np.testing.assert_array_equal(directions(5, seed=1), directions(5, seed=1))
    assert not np.array_equal(directions(5, seed=1), directions(5, seed=2))
