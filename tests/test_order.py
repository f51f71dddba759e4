from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxpress.loaders.order import AUGMENTATION, PATCH, SHUFFLE, deal, order, random_words

words64 = st.integers(min_value=0, max_value=2**64 - 1)


@given(n=st.integers(0, 300), seed=words64, epoch=words64)
def test_an_epoch_has_each_position_once(n, seed, epoch):
    sequence = order(n, seed=seed, epoch=epoch)
    assert sequence.dtype == np.int64
    assert sorted(sequence.tolist()) == list(range(n))


def test_known_orders_stay_the_same_across_versions():
    assert order(10, seed=0, epoch=0).tolist() == [8, 7, 4, 2, 6, 5, 9, 0, 1, 3]
    assert order(10, seed=0, epoch=1).tolist() == [0, 1, 5, 4, 6, 9, 2, 8, 3, 7]
    assert order(10, seed=20220614, epoch=0).tolist() == [8, 2, 1, 3, 7, 5, 0, 9, 4, 6]


def test_seed_and_epoch_both_change_the_order():
    orders = {tuple(order(100, seed=seed, epoch=epoch)) for seed in range(4) for epoch in range(4)}
    assert len(orders) == 16


def test_without_shuffle_the_order_is_that_of_the_cohort():
    assert order(5, seed=3, epoch=9, shuffle=False).tolist() == [0, 1, 2, 3, 4]


def test_every_position_is_equally_likely_to_come_first():
    first = np.bincount([order(8, seed=seed, epoch=0)[0] for seed in range(4000)], minlength=8)
    # 500 expected, standard deviation 21
    assert first.min() > 400
    assert first.max() < 600


@given(n=st.integers(0, 100), world=st.integers(1, 9), drop=st.booleans(), seed=words64)
def test_ranks_are_disjoint_and_complete(n, world, drop, seed):
    sequence = order(n, seed=seed, epoch=0)
    parts = [deal(sequence, rank=rank, world_size=world, drop_last=drop).tolist() for rank in range(world)]
    dealt = [position for part in parts for position in part]
    assert len(dealt) == len(set(dealt)) == (n - n % world if drop else n)
    sizes = {len(part) for part in parts}
    assert len(sizes) == 1 if drop else max(sizes) - min(sizes) <= 1


@given(steps=st.integers(0, 10), world=st.sampled_from([1, 2, 4, 8]))
def test_after_each_step_the_ranks_have_read_a_prefix_of_the_sequence(steps, world):
    sequence = order(80, seed=1, epoch=2)
    per_rank = steps * 8 // world
    read = [p for rank in range(world) for p in deal(sequence, rank=rank, world_size=world)[:per_rank].tolist()]
    assert sorted(read) == sorted(sequence[: steps * 8].tolist())


def test_words_for_different_purposes_differ():
    addresses = [
        {"seed": seed, "epoch": epoch, "purpose": purpose, "index": index, "number": number}
        for seed in (0, 1)
        for epoch in (0, 1)
        for purpose in (SHUFFLE, PATCH, AUGMENTATION)
        for index in (0, 1)
        for number in (0, 1)
    ]
    words = np.concatenate([random_words(**address, count=16) for address in addresses])
    assert len(set(words.tolist())) == len(words)


def test_fewer_words_are_a_prefix_of_more():
    few = random_words(seed=5, epoch=0, purpose=PATCH, count=3)
    assert random_words(seed=5, epoch=0, purpose=PATCH, count=9)[:3].tolist() == few.tolist()


@pytest.mark.parametrize(("seed", "epoch"), [(-1, 0), (2**64, 0), (0, -1), (0, 2**64)])
def test_what_does_not_fit_a_word_is_refused(seed, epoch):
    with pytest.raises(ValueError, match="must be 0 to 2"):
        order(3, seed=seed, epoch=epoch)
