from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxpress.loaders.patches import check_patch, grid_boxes, random_box, shifted_affine

sizes = st.integers(1, 12)
shapes = st.tuples(sizes, sizes, sizes)


@st.composite
def shape_and_patch(draw):
    shape = draw(shapes)
    return shape, tuple(draw(st.integers(1, size)) for size in shape)


@given(shape_and_patch(), st.integers(0, 2**64 - 1), st.integers(0, 10**9), st.integers(0, 100))
def test_a_random_box_has_the_size_of_the_patch_and_lies_inside(both, seed, index, number):
    shape, patch = both
    box = random_box(shape, patch, seed=seed, epoch=3, index=index, number=number)
    assert tuple(stop - start for start, stop in box) == patch
    assert all(start >= 0 and stop <= size for (start, stop), size in zip(box, shape, strict=True))
    assert box == random_box(shape, patch, seed=seed, epoch=3, index=index, number=number)


def test_every_place_is_reached_and_equally_likely():
    starts = [random_box((6, 5, 4), (3, 4, 4), seed=0, epoch=0, index=i) for i in range(8000)]
    counts = np.zeros((4, 2), dtype=int)
    for (x, _), (y, _), (z, _) in starts:
        counts[x, y] += 1
        assert z == 0
    # 1000 expected, standard deviation 30
    assert counts.min() > 850
    assert counts.max() < 1150


def test_seed_epoch_sample_and_number_all_move_the_box():
    base = {"seed": 0, "epoch": 0, "index": 0, "number": 0}
    boxes = {random_box((900, 900, 900), (9, 9, 9), **(base | {name: 1})) for name in base}
    assert len(boxes) == 4


def test_known_boxes_stay_the_same_across_versions():
    box = random_box((160, 224, 160), (96, 96, 96), seed=7, epoch=2, index=41, number=3)
    assert box == ((45, 141), (42, 138), (38, 134))


@given(shape_and_patch(), st.data())
def test_a_grid_covers_every_voxel_with_boxes_of_the_patch(both, data):
    shape, patch = both
    overlap = tuple(data.draw(st.integers(0, size - 1)) for size in patch)
    boxes = grid_boxes(shape, patch, overlap=overlap)
    covered = np.zeros(shape, dtype=int)
    for box in boxes:
        part = covered[tuple(slice(*ends) for ends in box)]
        assert part.shape == patch
        part += 1
    assert covered.min() >= 1
    assert len(set(boxes)) == len(boxes)


@given(shape_and_patch(), st.data())
def test_neighbours_of_a_grid_share_what_was_asked(both, data):
    shape, patch = both
    overlap = tuple(data.draw(st.integers(0, size - 1)) for size in patch)
    for axis in range(3):
        ranges = sorted({box[axis] for box in grid_boxes(shape, patch, overlap=overlap)})
        shared = [first[1] - second[0] for first, second in itertools.pairwise(ranges)]
        assert all(voxels >= overlap[axis] for voxels in shared)


def test_a_grid_without_remainder_has_no_overlap():
    assert grid_boxes((4, 2, 2), (2, 2, 2)) == [((0, 2), (0, 2), (0, 2)), ((2, 4), (0, 2), (0, 2))]


@pytest.mark.parametrize("overlap", [(2, 0, 0), (-1, 0, 0), (0, 0)])
def test_an_overlap_that_never_ends_is_refused(overlap):
    with pytest.raises(ValueError, match="overlap must be"):
        grid_boxes((4, 4, 4), (2, 2, 2), overlap=overlap)


@given(
    shape_and_patch(),
    st.lists(st.floats(-3, 3), min_size=12, max_size=12),
    st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)),
)
def test_a_voxel_of_a_patch_is_where_it_is_in_the_volume(both, numbers, place):
    shape, patch = both
    affine = np.vstack([np.reshape(numbers, (3, 4)), [0, 0, 0, 1]])
    box = random_box(shape, patch, seed=1, epoch=0, index=0)
    inside = np.array([int(part * (size - 1)) for part, size in zip(place, patch, strict=True)])
    whole = inside + [start for start, _ in box]
    np.testing.assert_allclose(shifted_affine(affine, box) @ [*inside, 1], affine @ [*whole, 1], atol=1e-9)


def test_the_affine_of_a_whole_volume_is_a_copy():
    affine = np.eye(4)
    shifted = shifted_affine(affine, None)
    assert np.array_equal(shifted, affine)
    assert shifted is not affine


@pytest.mark.parametrize(
    ("patch", "told"), [((9, 1, 1), "larger than the volumes"), ((0, 1, 1), "at least 1"), ((1, 1), "three sizes")]
)
def test_a_patch_that_does_not_fit_is_refused(patch, told):
    with pytest.raises(ValueError, match=told):
        check_patch(patch, (8, 8, 8))
