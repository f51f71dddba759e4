"""Shards come whole: what a window needs is known before, and each shard is needed in one window only."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxpress.loaders.order import ShuffledShards

shards = st.lists(st.integers(0, 30), max_size=200)


def sequence(order, seed=0, epoch=0):
    return order.rows(np.arange(len(order)), seed=seed, epoch=epoch)


@given(of_row=shards, window_shards=st.integers(1, 40), seed=st.integers(0, 2**64 - 1), epoch=st.integers(0, 5))
def test_a_window_holds_all_rows_of_its_shards_and_no_others(of_row, window_shards, seed, epoch):
    order = ShuffledShards.of(of_row, window_shards)
    rows, of_row = sequence(order, seed, epoch), np.asarray(of_row, dtype=np.int64)
    assert sorted(rows.tolist()) == list(range(len(of_row)))
    windows = order.windows(seed, epoch)
    end = 0
    for number, (first, stop, needed) in enumerate(windows):
        assert first == end < stop
        assert set(of_row[rows[first:stop]]) == set(needed.tolist())
        assert len(needed) == window_shards or number == len(windows) - 1
        assert (windows.of(np.arange(first, stop)) == number).all()
        end = stop
    assert end == len(of_row)
    assert sorted(windows.shards.tolist()) == sorted(set(of_row.tolist()))
    assert np.array_equal(order.shards_of(np.arange(len(order)), seed=seed, epoch=epoch), of_row[rows])


def test_shards_and_the_rows_of_a_window_are_shuffled():
    order = ShuffledShards.of(np.repeat(np.arange(100), 16), 4)
    first, stop, needed = order.windows(0, 0)[0]
    assert (first, stop) == (0, 64)
    assert sorted(needed.tolist()) != [0, 1, 2, 3]
    rows = sequence(order)[first:stop]
    assert len(set((rows[:16] // 16).tolist())) == 4
    assert sorted(rows.tolist()) == sorted(16 * shard + slot for shard in needed.tolist() for slot in range(16))


def test_every_epoch_makes_other_windows():
    order = ShuffledShards.of(np.repeat(np.arange(100), 3), 4)
    windows = {tuple(sorted(needed.tolist())) for epoch in range(3) for _, _, needed in order.windows(7, epoch)}
    assert len(windows) > 70


def test_a_window_of_all_shards_is_a_full_shuffle():
    """A row of the first shard comes as early as one of any other."""
    order = ShuffledShards.of(np.repeat(np.arange(8), 8), 8)
    first = np.array([sequence(order, epoch=epoch)[:8] // 8 for epoch in range(300)])
    counts = np.bincount(first.ravel(), minlength=8)
    # 300 expected, standard deviation 16
    assert counts.min() > 230
    assert counts.max() < 370


def test_numbers_of_shards_may_be_large_and_far_apart():
    order = ShuffledShards.of([10**12, 5, 10**12, 7], 1)
    assert sorted(order.windows(0, 0).shards.tolist()) == [5, 7, 10**12]
    assert order.starts.tolist() == [0, 1, 2, 4]


def test_rows_that_lie_shard_by_shard_need_no_list():
    assert ShuffledShards.of([0, 0, 1, 5]).by_shard is None
    assert ShuffledShards.of([0, 1, 0, 5]).by_shard.tolist() == [0, 2, 1, 3]


@pytest.mark.parametrize(
    ("of_row", "window_shards", "message"),
    [
        pytest.param([0], 0, "window_shards must be at least 1, got 0", id="empty window"),
        pytest.param([0, -1], 1, "shard must be 0 or more, got -1", id="negative shard"),
        pytest.param([[0]], 1, "in one dimension", id="square"),
    ],
)
def test_what_makes_no_windows_is_refused(of_row, window_shards, message):
    with pytest.raises(ValueError, match=message):
        ShuffledShards.of(of_row, window_shards)


@pytest.mark.parametrize("window", [-1, 2])
def test_windows_that_do_not_exist_are_refused(window):
    with pytest.raises(IndexError, match=f"window {window} of 2"):
        ShuffledShards.of([0, 1, 2], 2).windows(0, 0)[window]
