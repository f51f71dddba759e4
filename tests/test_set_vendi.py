"""The Vendi score by its dual form against the matrix of all similarities."""

import numpy as np
import pytest

from voxpress.quality.sets.vendi import vendi, vendi_ratio

RANDOM = np.random.default_rng(6)


def _naive(x):
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    values = np.linalg.eigvalsh(unit @ unit.T / len(x))
    values = values[values > 1e-15]
    return np.exp(-(values * np.log(values)).sum())


@pytest.mark.parametrize("shape", [(40, 6), (6, 40)])
def test_the_smaller_matrix_gives_what_the_similarities_give(shape):
    x = RANDOM.normal(size=shape)
    assert vendi(x) == pytest.approx(_naive(x), rel=1e-9)


@pytest.mark.parametrize("different", [1, 3, 8])
def test_it_counts_what_is_different(different):
    assert vendi(np.tile(np.eye(8)[:different], (5, 1))) == pytest.approx(different)


def test_a_weighting_is_the_set_with_its_rows_repeated():
    x = RANDOM.normal(size=(10, 4))
    counts = np.array([3, 0, 1, 1, 2, 0, 0, 1, 1, 1.0])
    assert vendi(x, counts) == pytest.approx(_naive(np.repeat(x, counts.astype(int), axis=0)), rel=1e-9)


def test_a_set_of_few_distinct_samples_has_a_low_ratio():
    x, y = RANDOM.normal(size=(2, 200, 60))
    once = np.ones((1, 200))
    assert vendi_ratio(x, y, once, once).item() == pytest.approx(1, abs=0.05)
    assert vendi_ratio(np.repeat(x[:10], 20, axis=0), y, once, once).item() < 0.25


def test_a_vector_without_direction_is_refused():
    with pytest.raises(ValueError, match="row 2 is a vector of zeros"):
        vendi(np.array([[1.0, 0], [0, 1], [0, 0]]))
