"""Sampling on the template's grids, against SciPy."""

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates

from voxpress.generation.backends.atlas.space import (
    COARSE_MM,
    COARSE_SHAPE,
    FINE_SHAPE,
    LOW_MM,
    coarse_points,
    sample,
    sample_grid,
)


@pytest.fixture
def random():
    return np.random.default_rng(5)


def test_both_grids_cover_the_same_box():
    fine = [low + n - 1 for low, n in zip(LOW_MM, FINE_SHAPE, strict=True)]
    coarse = [low + COARSE_MM * (n - 1) for low, n in zip(LOW_MM, COARSE_SHAPE, strict=True)]
    assert fine == coarse


def test_sampling_is_trilinear(random):
    maps = random.standard_normal((2, *COARSE_SHAPE)).astype(np.float32)
    index = random.uniform(0, [n - 1 for n in COARSE_SHAPE], (500, 3))
    points = torch.from_numpy((index * COARSE_MM + LOW_MM).astype(np.float32))

    values = sample(torch.from_numpy(maps), points, spacing_mm=COARSE_MM).numpy()

    expected = [map_coordinates(channel, index.T, order=1) for channel in maps]
    np.testing.assert_allclose(values, expected, atol=2e-4)


def test_a_point_beyond_the_box_gets_the_value_of_its_nearest_face():
    maps = coarse_points().movedim(-1, 0)
    beyond = torch.tensor([[-500.0, 0.0, 500.0]])
    high = LOW_MM[2] + COARSE_MM * (COARSE_SHAPE[2] - 1)
    np.testing.assert_allclose(sample(maps, beyond, spacing_mm=COARSE_MM)[:, 0], [LOW_MM[0], 0, high], atol=1e-3)


def test_a_value_depends_on_its_point_alone(random):
    maps = torch.from_numpy(random.standard_normal((1, *COARSE_SHAPE)).astype(np.float32))
    points = torch.from_numpy(random.uniform(-70, 70, (1001, 3)).astype(np.float32))
    together = sample(maps, points, spacing_mm=COARSE_MM)
    alone = torch.cat([sample(maps, point[None], spacing_mm=COARSE_MM) for point in points], dim=1)
    assert torch.equal(together, alone)


def test_sampling_axis_by_axis_gives_the_same(random):
    field = torch.from_numpy(random.standard_normal((3, *COARSE_SHAPE)).astype(np.float32))
    axes = [torch.linspace(-90, 60, 17), torch.linspace(-100, 90, 11), torch.linspace(-70, 80, 13)]
    points = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1)
    expected = sample(field, points, spacing_mm=COARSE_MM)
    np.testing.assert_allclose(sample_grid(field, axes), expected, atol=2e-4)
