"""Labels by rank."""

import numpy as np
import pytest

from voxpress.generation.backends.atlas.labels import (
    CORTEX,
    FLUID,
    LESIONS,
    OTHER_GREY,
    VENTRICLES,
    WHITE,
    ShortageError,
    highest,
    label_tissues,
    volumes_ml,
)


@pytest.mark.parametrize("count", [0, 1, 3, 6])
def test_exactly_as_many_as_asked_for(count):
    chosen, level = highest(np.array([3, 1, 2, 2, 2, 0], dtype=np.float32), count)
    assert chosen.sum() == count
    assert all(level <= value for value in np.array([3, 1, 2, 2, 2, 0])[chosen])


def test_the_earlier_of_equals_comes_first():
    chosen, _ = highest(np.array([2, 3, 2, 2], dtype=np.float32), 3)
    assert chosen.tolist() == [True, True, True, False]


def test_more_than_there_are_is_a_shortage():
    with pytest.raises(ShortageError):
        highest(np.zeros(3, dtype=np.float32), 4)


@pytest.fixture
def maps():
    """Six voxels: cortex twice, other grey, fluid, white twice."""
    columns = {
        "whiteness": [0.1, 0.2, 0.1, 0.1, 0.95, 0.9],
        "thickness_order": [1, 2, 0, 0, 0, 0],
        "cerebral": [1, 1, 0, 0, 1, 1],
        "fluid": [0, 0, 0.1, 0.9, 0, 0],
    }
    return {name: np.array(values, dtype=np.float32) for name, values in columns.items()}


def _label(maps, **counts):
    ventricles = np.zeros(6, dtype=bool)
    lesion_order = np.arange(6, dtype=np.float32)
    return label_tissues(maps, ventricles, lesion_order, **counts)[0].tolist()


def test_cortex_that_comes_last_in_the_order_gives_way_to_fluid(maps):
    assert _label(maps, cortex=2, lesions=0) == [CORTEX, CORTEX, OTHER_GREY, FLUID, WHITE, WHITE]
    assert _label(maps, cortex=1, lesions=0) == [FLUID, CORTEX, OTHER_GREY, FLUID, WHITE, WHITE]


def test_lesions_are_in_deep_white_matter(maps):
    assert _label(maps, cortex=2, lesions=1)[4:] == [WHITE, LESIONS]
    with pytest.raises(ShortageError):
        _label(maps, cortex=2, lesions=3)


def test_ventricles_win_over_everything(maps):
    label, _ = label_tissues(maps, np.ones(6, dtype=bool), np.arange(6, dtype=np.float32), cortex=0, lesions=0)
    assert label.tolist() == [VENTRICLES] * 6


def test_volumes_are_counts_times_the_voxel():
    volumes = volumes_ml(np.array([0, 1, 1, 6], dtype=np.uint8), voxel_ml=0.5)
    assert (volumes[1], volumes[6], volumes[3]) == (1.0, 0.5, 0.0)
    assert 0 not in volumes
