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
    box = tuple(ends for _, ends in axes)
    spec = dataclasses.replace(tiny.SPECS["image"], shape=tuple(np.array(chunk) * grid), chunk=chunk)
    volume = np.arange(np.prod(spec.shape)).reshape(spec.shape)
    found = np.full([stop - start for start, stop in box], -1)
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
    rule = Coalescing(max_gap_bytes=gap, max_read_bytes=most)
    starts, stops = [start for start, _ in ranges], [stop for _, stop in ranges]
    assert coalesce(starts, stops, rule, owners) == expected
    if not any(owners):
        assert coalesce(starts, stops, rule) == expected, "one owner for all"


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 500), st.integers(1, 60)), max_size=40),
    st.integers(0, 30),
    st.integers(1, 200),
)
def test_reads_hold_each_range_once_and_waste_no_more_than_allowed(drawn, gap, most):
    whose, first = [owner for owner, _, _ in drawn], [start for _, start, _ in drawn]
    end = [start + size for _, start, size in drawn]
    reads = coalesce(first, end, Coalescing(max_gap_bytes=gap, max_read_bytes=most), whose)
    assert sorted(number for read in reads for number in read) == list(range(len(drawn)))
    for read in reads:
        starts, stops = [first[number] for number in read], [end[number] for number in read]
        assert len({whose[number] for number in read}) == 1
        assert max(starts) - starts[0] < most
        assert starts == sorted(starts)
        covered = np.zeros(700, bool)
        for start, stop in zip(starts, stops, strict=True):
            covered[start:stop] = True
        idle = np.flatnonzero(~covered[starts[0] : max(stops)])
        runs = np.split(idle, np.flatnonzero(np.diff(idle) > 1) + 1)
        assert max(map(len, runs)) <= gap
