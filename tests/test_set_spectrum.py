"""Distances of spectra of known gains."""

import numpy as np
import pytest

from voxpress.quality.sets.spectrum import high_share_ratio, mean_curve, spectrum_distance

RANDOM = np.random.default_rng(8)
EDGES = [(i / 10, (i + 1) / 10) for i in range(5)]


def test_half_the_amplitude_is_six_decibel():
    y = RANDOM.normal(size=(40, 5))
    found = spectrum_distance(y + 2 * np.log(0.5), y, np.ones((1, 40)), np.ones((1, 40))).item()
    assert found == pytest.approx(20 * np.log10(2))


def test_gain_and_loss_do_not_cancel():
    y = RANDOM.normal(size=(40, 2))
    found = spectrum_distance(y + np.array([1, -1]), y, np.ones((1, 40)), np.ones((1, 40))).item()
    assert found == pytest.approx(10 / np.log(10))


def test_a_weighting_counts_rows_as_often_as_it_says():
    x, y = RANDOM.normal(size=(3, 5)), RANDOM.normal(size=(4, 5))
    found = spectrum_distance(x, y, np.array([[2.0, 0, 1]]), np.ones((1, 4))).item()
    repeated = x[[0, 0, 2]]
    assert found == pytest.approx(spectrum_distance(repeated, y, np.ones((1, 3)), np.ones((1, 4))).item())


def test_the_high_share_counts_frequencies_and_not_shells():
    # white noise: mean power 1 in every shell, so the share is that of the volume beyond half the highest frequency
    y = np.zeros((6, 5))
    x = y.copy()
    x[:, 3:] += np.log(2)
    once = np.ones((1, 6))
    assert high_share_ratio(EDGES)(y, y, once, once).item() == pytest.approx(1)
    high = 0.5**3 - 0.3**3
    expected = (2 * high / (2 * high + 0.3**3)) / (high / 0.5**3)
    assert high_share_ratio(EDGES)(x, y, once, once).item() == pytest.approx(expected)


def test_the_mean_curve_is_in_decibel():
    mean, quantiles = mean_curve(np.log(np.array([[1.0, 10], [1, 1000]])), (0.0, 1.0))
    np.testing.assert_allclose(mean, [0, 20], atol=1e-12)
    np.testing.assert_allclose(quantiles, [[0, 10], [0, 30]], atol=1e-12)
