"""The noise of a sample: the same bits for ever, normal, and apart from all other streams."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from voxpress.generation.backends.diffusion.noise import initial_noise, standard_normal, step_noise

# of the first release: whoever changes these changes every data set
FIRST = [
    2.5758297443389893, -0.9008498787879944, 0.4100474715232849,
    -0.06496520340442657, -0.24035297334194183, 0.9517039060592651,
]  # fmt: skip
DIGEST = "ebf6c75c739552214de509b91ac71fd6c3918ce6996efa2f3686df268f8b9e5e"


def test_the_numbers_are_those_of_the_first_release() -> None:
    values = initial_noise(20220614, (2, 3, 4, 5))
    assert values.dtype == np.float32
    assert values.ravel()[:6].tolist() == pytest.approx(FIRST, abs=0)
    assert hashlib.sha256(values.tobytes()).hexdigest() == DIGEST


def test_they_are_standard_normal() -> None:
    values = standard_normal(1, "x", (400_000,)).astype(np.float64)
    # four standard errors
    assert abs(values.mean()) < 4 / 400_000**0.5
    assert abs(values.std() - 1) < 4 / 800_000**0.5
    assert abs((values**3).mean()) < 4 * (15 / 400_000) ** 0.5
    assert abs((values**4).mean() - 3) < 4 * (96 / 400_000) ** 0.5
    assert abs(np.corrcoef(values[:-1], values[1:])[0, 1]) < 4 / 400_000**0.5


def test_a_longer_array_begins_with_a_shorter_one() -> None:
    assert standard_normal(5, "x", (101,))[:37].tolist() == standard_normal(5, "x", (37,)).tolist()


def test_streams_and_seeds_are_apart() -> None:
    made = [initial_noise(1, (1000,)), initial_noise(2, (1000,)), step_noise(1, 0, (1000,)), step_noise(1, 1, (1000,))]
    correlations = np.corrcoef(made) - np.eye(4)
    assert np.abs(correlations).max() < 0.15
