"""What holds for every order, and what each promises beside."""

from __future__ import annotations

import dataclasses
import itertools
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxpress.loaders.order import (
    Classes,
    Curriculum,
    Listed,
    Order,
    Sequential,
    Shuffled,
    ShuffledShards,
    Stratified,
    Weighted,
)

N = 60
SHARDS = np.array([9, 3, 3, 0, 7] * 12)
CODES = np.array([0, 0, 1, 0, 2, 1] * 10)


def countdown(seed: int, epoch: int) -> np.ndarray:
    return (np.arange(N)[::-1] + epoch) % N


ORDERS = {
    "sequential": Sequential(N),
    "shuffled": Shuffled(N),
    "shards": ShuffledShards.of(SHARDS, 2),
    "shards in sequence": ShuffledShards.of(np.sort(SHARDS), 3),
    "weighted": Weighted.of(np.arange(N)),
    "stratified": Stratified.of(CODES),
    "curriculum": Curriculum.of(np.arange(N) % 7, bins=4),
    "listed": Listed.of(countdown, N),
}
every = pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
ONCE = {name: order for name, order in ORDERS.items() if name != "weighted"}
once = pytest.mark.parametrize("order", ONCE.values(), ids=ONCE)


def whole(order, seed=1, epoch=0):
    return order.rows(np.arange(len(order)), seed=seed, epoch=epoch)


@every
def test_it_is_an_order(order):
    assert isinstance(order, Order)
    assert (len(order), order.cohort_rows) == (N, N)
    rows = whole(order)
    assert (rows.dtype, rows.shape) == (np.int64, (N,))
    assert rows.min() >= 0
    assert rows.max() < N


@once
def test_each_row_comes_once_in_an_epoch(order):
    for epoch in range(3):
        assert sorted(whole(order, epoch=epoch).tolist()) == list(range(N))


@every
def test_a_place_does_not_depend_on_what_else_is_asked(order):
    sequence = whole(order)
    some = np.random.default_rng(0).permutation(N)[:17]
    assert order.rows(some, seed=1, epoch=0).tolist() == sequence[some].tolist()
    assert [int(order.rows([place], seed=1, epoch=0)[0]) for place in range(5)] == sequence[:5].tolist()
    assert order.rows([], seed=1, epoch=0).tolist() == []


@every
def test_it_travels_to_other_processes(order):
    whole(order, epoch=3)
    other = pickle.loads(pickle.dumps(order))
    assert whole(other, epoch=3).tolist() == whole(order, epoch=3).tolist()
    assert other.fingerprint() == order.fingerprint()


@every
def test_threads_may_ask_for_different_epochs_at_once(order):
    expected = [whole(order, epoch=epoch).tolist() for epoch in range(4)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda epoch: whole(order, epoch=epoch).tolist(), [0, 1, 2, 3] * 20))
    assert found == expected * 20


@every
def test_places_that_do_not_exist_are_refused(order):
    for place in (-1, N):
        with pytest.raises(IndexError, match=f"place {place} of a sequence of {N} places"):
            order.rows([0, place], seed=0, epoch=0)


@every
def test_it_cannot_be_changed(order):
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(order, dataclasses.fields(order)[0].name, 3)
    for field in dataclasses.fields(order):
        value = getattr(order, field.name)
        if isinstance(value, np.ndarray):
            with pytest.raises(ValueError, match="read-only"):
                value[0] = 1


def test_only_those_that_shuffle_depend_on_seed_and_epoch():
    for name, order in ORDERS.items():
        sequences = {tuple(whole(order, seed, epoch).tolist()) for seed in (0, 1) for epoch in (0, 1)}
        assert len(sequences) == {"sequential": 1, "listed": 2}.get(name, 4), name


def test_fingerprints_differ_where_sequences_do():
    others = [
        *ORDERS.values(),
        Sequential(N + 1),
        Shuffled(N + 1),
        ShuffledShards.of(SHARDS, 3),
        ShuffledShards.of(SHARDS[::-1], 2),
        Weighted.of(np.arange(N), samples=N + 1),
        Weighted.of(np.arange(N)[::-1]),
        Stratified.of(CODES[::-1]),
        Curriculum.of(np.arange(N) % 7, bins=5),
        Curriculum.of(np.arange(N) % 7, bins=4, descending=True),
        Listed.of(lambda seed, epoch: np.arange(N), N),
    ]
    prints = [order.fingerprint() for order in others]
    assert len(set(prints)) == len(prints)
    assert all(len(found) == 64 and int(found, 16) >= 0 for found in prints)
    assert Weighted.of(np.arange(N) * 4.0).fingerprint() == ORDERS["weighted"].fingerprint()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sequential", [0, 1, 2, 3, 4, 5, 6, 7]),
        ("shuffled", [6, 46, 59, 33, 40, 44, 10, 2]),
        ("shards", [38, 58, 2, 22, 21, 18, 23, 3]),
        ("shards in sequence", [7, 51, 58, 53, 50, 3, 4, 0]),
        ("weighted", [50, 33, 47, 41, 26, 26, 50, 45]),
        ("stratified", [50, 12, 18, 14, 37, 58, 44, 6]),
        ("curriculum", [36, 42, 8, 56, 35, 49, 22, 28]),
        ("listed", [1, 0, 59, 58, 57, 56, 55, 54]),
    ],
)
def test_known_sequences_stay_the_same_across_versions(name, expected):
    assert ORDERS[name].rows(np.arange(8), seed=20220614, epoch=2).tolist() == expected


@pytest.mark.parametrize(
    "order",
    [Sequential(0), Shuffled(0), ShuffledShards.of([], 2), Stratified.of([]), Curriculum.of([])],
    ids=lambda order: type(order).__name__,
)
def test_nothing_has_no_places(order):
    assert len(order) == 0
    assert order.rows([], seed=0, epoch=0).tolist() == []
    with pytest.raises(IndexError, match="of a sequence of 0 places"):
        order.rows([0], seed=0, epoch=0)


# curriculum


@given(values=st.lists(st.integers(-5, 5), min_size=1, max_size=80), bins=st.integers(1, 90))
def test_bins_ascend_and_are_equally_large(values, bins):
    order = Curriculum.of(values, bins=bins)
    sequence = np.asarray(values)[whole(order)]
    sizes = np.diff(order.starts)
    assert sizes.max() - sizes.min() <= 1
    parts = np.split(sequence, order.starts[1:-1])
    assert all(before.max() <= after.min() for before, after in itertools.pairwise(parts))
    if bins >= len(values):
        assert sequence.tolist() == sorted(values)


def test_a_curriculum_can_begin_with_the_largest():
    order = Curriculum.of([1.0, 3.0, 2.0, 3.0], bins=4, descending=True)
    assert whole(order).tolist() == [1, 3, 2, 0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(lambda: Curriculum.of([1.0, float("nan")]), "1 of 2 rows have no value", id="missing value"),
        pytest.param(lambda: Curriculum.of([1.0], bins=0), "bins must be at least 1, got 0", id="no bins"),
        pytest.param(lambda: Curriculum.of([[1.0]]), "in one dimension, got an array of shape", id="dimensions"),
        pytest.param(lambda: Listed.of(lambda s, e: [], 3), "at least one row", id="empty list"),
        pytest.param(lambda: Listed.of(lambda s, e: [0.5], 3), "as integers, got float64", id="fractions"),
        pytest.param(lambda: Listed.of(lambda s, e: [0, 3], 3), "lists row 3 for epoch 0", id="row beyond"),
        pytest.param(lambda: Listed.of(lambda s, e: [-1], 3), "lists row -1 for epoch 0", id="row before"),
        pytest.param(
            lambda: whole(Listed.of(lambda s, e: [0] * (e + 1), 3), epoch=4),
            "lists 5 rows for epoch 4 and 1 for epoch 0",
            id="epochs of different length",
        ),
        pytest.param(lambda: Classes.of([[1]]), "one for each row", id="classes in a square"),
    ],
)
def test_what_makes_no_order_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_list_may_leave_out_and_repeat():
    order = Listed.of(lambda seed, epoch: [2, 2, epoch % 3], 3)
    assert (len(order), order.cohort_rows) == (3, 3)
    assert whole(order, epoch=1).tolist() == [2, 2, 1]


def test_what_is_listed_is_asked_once_an_epoch():
    asked = []

    def function(seed, epoch):
        asked.append(epoch)
        return np.arange(4)

    order = Listed.of(function, 4)
    for place in range(4):
        order.rows([place], seed=0, epoch=5)
    assert asked == [0, 5]
