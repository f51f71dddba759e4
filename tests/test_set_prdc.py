"""Precision, recall, density and coverage in blocks against the whole matrices of distances."""

import numpy as np
import pytest

from voxpress.quality.sets.prdc import expected_coverage, prdc, rows_found

RANDOM = np.random.default_rng(4)


def _naive(x, y, k):
    """As in the reference code of Naeem et al. (clovaai/generative-evaluation-prdc), with whole matrices."""

    def distances(a, b):
        return np.sqrt(((a[:, None] - b[None]) ** 2).sum(axis=2))

    y_radius = np.sort(distances(y, y), axis=1)[:, k]
    x_radius = np.sort(distances(x, x), axis=1)[:, k]
    between = distances(y, x)
    precision = (between <= y_radius[:, None]).any(axis=0).mean()
    recall = (between <= x_radius[None]).any(axis=1).mean()
    density = (between < y_radius[:, None]).sum(axis=0).mean() / k
    coverage = (between.min(axis=1) < y_radius).mean()
    return [precision, recall, density, coverage]


@pytest.mark.parametrize("block", [1, 16, 500])
def test_blocks_give_what_whole_matrices_give(block):
    x, y = RANDOM.normal(0.4, 1.1, (70, 4)), RANDOM.normal(0, 1, (90, 4))
    found = rows_found(x, y, 5, block=block)
    means = [found.precision.mean(), found.recall.mean(), found.density.mean(), found.coverage.mean()]
    np.testing.assert_allclose(means, _naive(x, y, 5), atol=1e-12)
    once = prdc(x, y, np.ones((1, 70)), np.ones((1, 90)))
    np.testing.assert_allclose(once[0], _naive(x, y, 5), atol=1e-12)


def test_far_sets_share_nothing():
    x, y = RANDOM.normal(0, 1, (40, 3)), RANDOM.normal(100, 1, (40, 3))
    np.testing.assert_array_equal(prdc(x, y, np.ones((1, 40)), np.ones((1, 40))), [[0, 0, 0, 0]])


def test_two_modes_of_which_one_is_missing():
    y = np.concatenate([RANDOM.normal(0, 1, (50, 3)), RANDOM.normal(50, 1, (50, 3))])
    x = RANDOM.normal(0, 1, (100, 3))
    precision, recall, _, coverage = prdc(x, y, np.ones((1, 100)), np.ones((1, 100)))[0]
    assert precision > 0.9
    assert recall <= 0.5
    assert coverage <= 0.5


@pytest.mark.parametrize(("synthetic", "reference"), [(60, 60), (30, 90)])
def test_expected_coverage_is_the_mean_between_sets_of_one_population(synthetic, reference):
    found = []
    for seed in range(60):
        random = np.random.default_rng(seed)
        x, y = random.normal(size=(synthetic, 3)), random.normal(size=(reference, 3))
        found.append(rows_found(x, y, 5).coverage.mean())
    error = np.std(found) / np.sqrt(len(found))
    assert np.mean(found) == pytest.approx(expected_coverage(synthetic, reference), abs=3.5 * error)


def test_expected_coverage_of_many_rows_is_one_less_a_half_to_the_fifth():
    assert expected_coverage(100_000, 100_000) == pytest.approx(1 - 2**-5, abs=1e-4)
