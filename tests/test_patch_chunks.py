"""Chunks that suit patches."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voxpress.store.patch_chunks import _cost, patch_chunk


@pytest.mark.parametrize(
    ("shape", "itemsize", "expected"),
    [
        pytest.param((160, 224, 160), 1, (16, 28, 160), id="rows along z stay whole"),
        pytest.param((160, 224, 160), 2, (16, 16, 160), id="fewer voxels of two bytes"),
        pytest.param((197, 233, 189), 1, (1, 233, 189), id="planes, where axes cannot be cut otherwise"),
        pytest.param((512, 512, 512), 1, (32, 32, 64), id="large volumes are cut along z too"),
        pytest.param((64, 64, 64), 1, (64, 64, 64), id="no larger than a patch"),
        pytest.param((1, 2, 3), 1, (1, 2, 3), id="tiny"),
    ],
)
def test_chunks(shape, itemsize, expected):
    assert patch_chunk(shape, itemsize) == expected


size = st.integers(1, 300)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.tuples(size, size, size), st.sampled_from([1, 2, 4]))
def test_it_divides_and_costs_no_more_than_slabs_or_the_whole(shape, itemsize):
    chunk = patch_chunk(shape, itemsize)
    assert all(whole % step == 0 for whole, step in zip(shape, chunk, strict=True))
    for other in (shape, (1, *shape[1:])):
        assert _cost(shape, chunk, itemsize) <= _cost(shape, other, itemsize)
