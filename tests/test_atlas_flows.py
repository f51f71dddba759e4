"""Flows: what an exponential must be, and that folding is seen."""

import numpy as np
import pytest
import torch

from voxpress.generation.backends.atlas.flows import compose, exponential, minimum_jacobian, smooth_field
from voxpress.generation.backends.atlas.space import COARSE_MM, COARSE_SHAPE, coarse_points

_INNER = (slice(None), *[slice(20, -20)] * 3)


def _random(seed=1):
    return np.random.Generator(np.random.Philox(key=seed))


def test_a_constant_velocity_is_a_translation():
    velocity = torch.tensor([3.0, -2.0, 1.0]).reshape(3, 1, 1, 1).expand(3, *COARSE_SHAPE)
    np.testing.assert_allclose(exponential(velocity), velocity, atol=1e-4)


def test_a_linear_velocity_is_an_exponential_scaling():
    points = coarse_points().movedim(-1, 0)
    displacement = exponential(0.1 * points)
    expected = (np.exp(0.1) - 1) * points
    np.testing.assert_allclose(displacement[_INNER], expected[_INNER], rtol=2e-3, atol=1e-2)


def test_a_flow_and_its_opposite_cancel():
    velocity = 3 * smooth_field(_random(), channels=3, spacing_mm=30)
    back_and_forth = compose(exponential(-velocity), exponential(velocity))
    assert back_and_forth[_INNER].abs().max() < 0.15


def test_the_flow_of_a_smooth_field_does_not_fold_where_its_displacement_would():
    velocity = 12 * smooth_field(_random(2), channels=3, spacing_mm=30)
    assert minimum_jacobian(velocity) < 0 < minimum_jacobian(exponential(velocity))


@pytest.mark.parametrize("factor", [1.0, 0.5, 1.7])
def test_the_jacobian_of_a_scaling_is_its_cube(factor):
    displacement = (factor - 1) * coarse_points().movedim(-1, 0)
    assert minimum_jacobian(displacement) == pytest.approx(factor**3, rel=1e-3)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_one_voxel_that_jumps_over_its_neighbour_is_a_fold(axis):
    displacement = torch.zeros(3, *COARSE_SHAPE)
    displacement[axis, 40, 40, 40] = 1.1 * COARSE_MM
    assert minimum_jacobian(displacement) < 0


@pytest.mark.parametrize("spacing_mm", [5.0, 16.0, 45.0])
def test_smooth_fields_have_unit_deviation(spacing_mm):
    deviations = [smooth_field(_random(seed), channels=3, spacing_mm=spacing_mm).std() for seed in range(8)]
    assert np.sqrt(np.mean(np.square(deviations))) == pytest.approx(1, abs=0.12)


def test_wider_controls_make_smoother_fields():
    steps = [smooth_field(_random(), channels=1, spacing_mm=s).diff(dim=1).abs().mean() for s in (6.0, 20.0, 60.0)]
    assert steps[0] > 2 * steps[1] > 4 * steps[2]


def test_fields_are_a_function_of_their_seed():
    fields = [smooth_field(_random(seed), channels=1, spacing_mm=20) for seed in (3, 3, 4)]
    assert torch.equal(fields[0], fields[1])
    assert not torch.equal(fields[0], fields[2])
