"""Plans of chunks and byte ranges, against the slow and obvious way."""

import dataclasses

import numpy as np
import pytest
import tiny_store as tiny
from hypothesis import given
from hypothesis import strategies as st

from voxpress.store.plan import Coalescing, coalesce, parts_of

axis = st.tuples(st.integers(1, 5), st.integers(1, 4)).flatmap(
    lambda sizes: st.tuples(
        st.just(sizes),
        st.integers(0, sizes[0] * sizes[1] - 1).flatmap(
            lambda start: st.tuples(st.just(start), st.integers(start + 1, sizes[0] * sizes[1]))
        ),
    )
)


@given(st.tuples(axis, axis, axis))
def test_parts_put_the_box_together(axes):
    chunk = tuple(size for (size, _), _ in axes)
    grid = tuple(count for (_, count), _ in axes)
    box = np.array([ends for _, ends in axes])
    spec = dataclasses.replace(tiny.SPECS["image"], shape=tuple(np.array(chunk) * grid), chunk=chunk)
    volume = np.arange(np.prod(spec.shape)).reshape(spec.shape)
    found = np.full(box[:, 1] - box[:, 0], -1)
    parts = parts_of(box, spec)
    for number, (inner, outer) in zip(parts.numbers, parts.slices, strict=True):
        corner = np.array(np.unravel_index(number, grid)) * chunk
        data = volume[tuple(slice(c, c + size) for c, size in zip(corner, chunk, strict=True))]
        assert (found[outer] == -1).all()
        found[outer] = data if inner is None else data[inner]
        assert (inner is None) == (found[outer].shape == chunk)
    np.testing.assert_array_equal(found, volume[tuple(slice(*ends) for ends in box)])
    assert (np.diff(parts.numbers) > 0).all()


def test_a_whole_sample_is_all_of_its_chunks():
    parts = parts_of(None, tiny.SPECS["image"])
    assert parts.numbers.tolist() == list(range(8))
    assert all(inner is None for inner, _ in parts.slices)


@pytest.mark.parametrize(
    ("ranges", "owners", "gap", "most", "expected"),
    [
        pytest.param([(0, 10), (10, 20)], [0, 0], 0, 100, [[0, 1]], id="neighbours"),
        pytest.param([(0, 10), (11, 20)], [0, 0], 0, 100, [[0], [1]], id="a gap"),
        pytest.param([(0, 10), (11, 20)], [0, 0], 1, 100, [[0, 1]], id="a small gap"),
        pytest.param([(10, 20), (0, 10)], [0, 0], 0, 100, [[1, 0]], id="out of order"),
        pytest.param([(0, 10), (10, 20)], [0, 1], 0, 100, [[0], [1]], id="two owners"),
        pytest.param([(0, 10), (0, 10)], [0, 0], 0, 100, [[0, 1]], id="twice the same"),
        pytest.param([(0, 50), (5, 10), (50, 60)], [0, 0, 0], 0, 100, [[0, 1, 2]], id="one inside another"),
        pytest.param([(0, 60), (60, 120), (120, 180)], [0, 0, 0], 0, 100, [[0, 1], [2]], id="too much for one"),
        pytest.param([], [], 0, 100, [], id="nothing"),
    ],
)
def test_coalescing(ranges, owners, gap, most, expected):
    start, stop = np.array(ranges, dtype=np.int64).reshape(-1, 2).T
    rule = Coalescing(max_gap_bytes=gap, max_read_bytes=most)
    order, heads = coalesce(start, stop, np.array(owners, dtype=np.int64), rule)
    groups = [group.tolist() for group in np.split(order, heads[1:])] if len(order) else []
    assert groups == expected


@given(
    st.lists(st.tuples(st.integers(0, 500), st.integers(1, 60), st.integers(0, 2)), max_size=40),
    st.integers(0, 30),
    st.integers(1, 200),
)
def test_reads_hold_each_range_once_and_waste_no_more_than_allowed(ranges, gap, most):
    start = np.array([first for first, _, _ in ranges], dtype=np.int64)
    stop = start + np.array([size for _, size, _ in ranges], dtype=np.int64)
    owner = np.array([owner for _, _, owner in ranges], dtype=np.int64)
    order, heads = coalesce(start, stop, owner, Coalescing(max_gap_bytes=gap, max_read_bytes=most))
    assert sorted(order.tolist()) == list(range(len(ranges)))
    for group in np.split(order, heads[1:]) if len(order) else []:
        assert len(set(owner[group])) == 1
        first = start[group].min()
        assert (start[group] - first < most).all()
        covered = np.zeros(700, bool)
        for one in group:
            covered[start[one] : stop[one]] = True
        idle = np.flatnonzero(~covered[first : stop[group].max()])
        runs = np.split(idle, np.flatnonzero(np.diff(idle) > 1) + 1)
        assert max(map(len, runs)) <= gap
