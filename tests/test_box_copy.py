"""Copies that count a row as one value: what NumPy's own copying gives, wherever the arrays lie."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxpress.store.box_copy import copy_box


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16"])
@given(
    sizes=st.tuples(*[st.integers(0, 5)] * 3),
    starts=st.tuples(*[st.integers(0, 2)] * 6),
    steps=st.tuples(st.sampled_from([1, 2, -1]), st.sampled_from([1, 2, -1])),
    order=st.sampled_from(["C", "F"]),
)
def test_a_box_is_copied_as_numpy_copies_it(dtype, sizes, starts, steps, order):
    rng = np.random.default_rng(0)
    whole = rng.integers(0, 200, (16, 16, 16)).astype(dtype)
    target, expected = (np.full((8, 8, 16), 255, dtype, order=order) for _ in range(2))
    x, y, z = (slice(start, start + size) for start, size in zip(starts[:3], sizes, strict=True))
    inner = tuple(slice(start, start + size) for start, size in zip(starts[3:], sizes, strict=True))
    stored = whole[inner][:: steps[0], :, :: steps[1]]
    copy_box(target[x, y, z][: len(stored), :, : stored.shape[-1]], stored)
    np.copyto(expected[x, y, z][: len(stored), :, : stored.shape[-1]], stored)
    np.testing.assert_array_equal(target, expected)
