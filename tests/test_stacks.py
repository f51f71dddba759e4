"""Chunks put on top of each other, against the slow and obvious way."""

import dataclasses

import numpy as np
import tiny_store as tiny
from hypothesis import given
from hypothesis import strategies as st

from voxpress.store.stacks import columns_of, side_by_side, stacks_of

axis = st.tuples(st.integers(1, 4), st.integers(1, 5)).flatmap(
    lambda sizes: st.tuples(
        st.just(sizes),
        st.integers(0, sizes[0] * sizes[1] - 1).flatmap(
            lambda start: st.tuples(st.just(start), st.integers(start + 1, sizes[0] * sizes[1]))
        ),
    )
)


@given(st.tuples(axis, axis, axis), st.integers(1, 6), st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.3, 1.0]))
def test_stacks_put_the_box_together(axes, most, seed, share_missing):
    chunk = tuple(size for (size, _), _ in axes)
    grid = tuple(count for (_, count), _ in axes)
    box = tuple(ends for _, ends in axes)
    spec = dataclasses.replace(tiny.SPECS["image"], shape=tuple(np.array(chunk) * grid), chunk=chunk)
    volume = np.arange(np.prod(spec.shape)).reshape(spec.shape)
    columns = columns_of(box, spec)
    there = (np.random.default_rng(seed).random(len(columns.numbers)) >= share_missing).tolist()
    found = np.full([stop - start for start, stop in box], -1)
    present, missing = stacks_of(columns, there, thickness=chunk[0], most=most)
    # as they are, and cut into single chunks
    if seed % 2:
        present = [stack.cut(at, at + 1, chunk[0]) for stack in present for at in range(stack.begin, stack.end)]
    chunks = []
    for stack in present:
        assert all(there[stack.begin : stack.end])
        assert 0 < stack.end - stack.begin <= most
        corners = [
            np.array(np.unravel_index(number, grid)) * chunk for number in columns.numbers[stack.begin : stack.end]
        ]
        data = [volume[tuple(slice(c, c + s) for c, s in zip(corner, chunk, strict=True))] for corner in corners]
        assert (found[stack.outer] == -1).all()
        found[stack.outer] = np.concatenate(data)[stack.inner]
        chunks += data
    together, at = np.full_like(found, -1), 0
    for count, stack in side_by_side(present):
        end = at + count * (stack.end - stack.begin)
        each = np.array(chunks[at:end]).reshape(count, -1, *chunk[1:])[:, *stack.inner]
        together[stack.outer] = np.concatenate(list(each), axis=1)
        at = end
    np.testing.assert_array_equal(together, found)
    for stack in missing:
        assert not any(there[stack.begin : stack.end])
        assert (found[stack.outer] == -1).all()
        found[stack.outer] = -2
    wanted = volume[tuple(slice(*ends) for ends in box)]
    np.testing.assert_array_equal(found[found != -2], wanted[found != -2])
    assert (found != -1).all()
    ends = [end for stack in sorted([*present, *missing]) for end in (stack.begin, stack.end)]
    assert ends[0] == 0
    assert ends[-1] == len(there)
    assert ends[1:-1:2] == ends[2::2], "every chunk is in one stack"


def test_whole_columns_are_copied_together():
    spec = dataclasses.replace(tiny.SPECS["image"], shape=(6, 20, 8), chunk=(2, 4, 8))
    stacks, _ = stacks_of(columns_of(((1, 5), (2, 19), (0, 8)), spec), [True] * 15, thickness=2, most=9)
    together = list(side_by_side(stacks))
    assert [count for count, _ in together] == [1, 3, 1]
    assert [stack.outer[1] for _, stack in together] == [slice(0, 2), slice(2, 14), slice(14, 17)]


def test_a_whole_sample_of_slabs_is_one_stack():
    spec = dataclasses.replace(tiny.SPECS["image"], chunk=(4, *tiny.SPECS["image"].shape[1:]))
    columns = columns_of(None, spec)
    (stack,), missing = stacks_of(columns, [True] * 4, thickness=4, most=8)
    assert columns.numbers == [0, 1, 2, 3]
    assert missing == []
    assert stack.inner == stack.outer == tuple(slice(0, size) for size in spec.shape)
