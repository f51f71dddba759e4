"""Orders of a real cohort: whole, selected, with holes."""

from __future__ import annotations

import pickle

import numpy as np
import pyarrow as pa
import pytest
import tiny_store

import voxpress
from voxpress.loaders import order


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return voxpress.open(tiny_store.build(tmp_path_factory.mktemp("store") / "tiny"))


def sequence(chosen, seed=0, epoch=0):
    return chosen.rows(np.arange(len(chosen)), seed=seed, epoch=epoch)


def oldest_first(table: pa.Table, seed: int, epoch: int) -> np.ndarray:
    return np.argsort(-table.column("age").to_numpy(), kind="stable")[:4]


MAKERS = {
    "sequential": order.sequential,
    "shuffled": order.shuffled,
    "shards": order.shuffled_shards,
    "weighted": lambda cohort: order.weighted(cohort, "age"),
    "weights": lambda cohort: order.weighted(cohort, np.ones(len(cohort)), samples=5),
    "balanced": lambda cohort: order.balanced(cohort, "diagnosis"),
    "shares": lambda cohort: order.shares(cohort, "diagnosis", {"AD": 0.5}, samples=100),
    "stratified": lambda cohort: order.stratified(cohort, "sex"),
    "curriculum": lambda cohort: order.curriculum(cohort, "age", bins=3),
    "listed": lambda cohort: order.listed(cohort, oldest_first),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
@pytest.mark.parametrize("expression", [None, "age > 60 and diagnosis != 'CN'"])
def test_every_order_can_be_made_of_every_cohort(cohort, make, expression):
    chosen = cohort if expression is None else cohort.where(expression)
    made = make(chosen)
    assert isinstance(made, order.Order)
    assert made.cohort_rows == len(chosen)
    assert set(sequence(made).tolist()) <= set(range(len(chosen)))
    again = pickle.loads(pickle.dumps(made))
    assert sequence(again, 3, 4).tolist() == sequence(made, 3, 4).tolist()


def test_shards_are_those_of_the_store(cohort):
    """Of train 0–3, 4–7 (without 5) and 8–9, of validation 10–12."""
    assert order.shard_of_rows(cohort).tolist() == [0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 3]
    assert [order.shard_at(cohort, number) for number in range(4)] == [
        ("train", 0),
        ("train", 1),
        ("train", 2),
        ("validation", 0),
    ]
    some = cohort.select([11, 0, 8])
    assert order.shard_of_rows(some).tolist() == [3, 0, 2]


def test_windows_name_the_files_to_fetch(cohort):
    made = order.shuffled_shards(cohort.select([11, 0, 8, 9]), window_shards=2)
    windows = list(made.windows(0, 0))
    assert [len(shards) for _, _, shards in windows] == [2, 1]
    named = {order.shard_at(cohort, number) for _, _, shards in windows for number in shards.tolist()}
    assert named == {("train", 0), ("train", 2), ("validation", 0)}


def test_half_are_ad(cohort):
    rows = sequence(order.shares(cohort, "diagnosis", {"AD": 0.5}, samples=4000))
    diagnoses = np.array(cohort.table.column("diagnosis").to_pylist())[rows]
    assert (diagnoses == "AD").mean() == pytest.approx(0.5, abs=0.03)


def test_the_youngest_come_first(cohort):
    ages = cohort.table.column("age").to_numpy()[sequence(order.curriculum(cohort, "age", bins=3))]
    thirds = ages.reshape(3, 4)
    assert (thirds.max(axis=1)[:2] < thirds.min(axis=1)[1:]).all()


def test_a_function_of_the_table_lists_rows(cohort):
    ages = cohort.table.column("age").to_pylist()
    rows = sequence(order.listed(cohort, oldest_first))
    assert [ages[row] for row in rows] == sorted(ages, reverse=True)[:4]


def test_whole_numbers_are_classes_too(cohort):
    assert len(order.stratified(cohort, "age").starts) - 1 == len(set(cohort.table.column("age").to_pylist()))


def test_a_number_of_rows_will_do_for_a_cohort():
    assert order.sequential(7) == order.Sequential(7)
    assert order.shuffled(7) == order.Shuffled(7)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        pytest.param(lambda c: order.balanced(c, "diagnoses"), KeyError, "no column 'diagnoses'", id="unknown column"),
        pytest.param(lambda c: order.weighted(c, "sex"), ValueError, "must hold numbers", id="weights of words"),
        pytest.param(lambda c: order.weighted(c, [1.0]), ValueError, "one for each of the 12 rows", id="too few"),
        pytest.param(lambda c: order.balanced(c, "measured_brain_ml"), ValueError, "whole numbers", id="fractions"),
        pytest.param(
            lambda c: order.shares(c, "diagnosis", {"XX": 1}), ValueError, "'AD', 'CN', 'MCI'", id="unknown class"
        ),
        pytest.param(lambda c: order.balanced(c.where("age < 0"), "sex"), ValueError, "got 0 weights", id="nobody"),
    ],
)
def test_what_does_not_fit_the_table_is_refused(cohort, make, error, message):
    with pytest.raises(error, match=message):
        make(cohort)


@pytest.mark.parametrize("make", [order.balanced, order.stratified, order.curriculum, order.weighted])
def test_missing_values_are_refused(make):
    class Missing:
        table = pa.table({"age": [50.0, None, 60.0]})

        def __len__(self):
            return 3

    with pytest.raises(ValueError, match=r"'age' has no value in 1 of 3 rows; .*cohort.where\('age is not None'\)"):
        make(Missing(), "age")


def test_a_column_that_is_stored_as_a_dictionary(cohort):
    class Encoded:
        table = pa.table({"sex": pa.chunked_array([pa.array(["M", "F"]), pa.array(["F", "F"])]).dictionary_encode()})

        def __len__(self):
            return 4

    rows = sequence(order.balanced(Encoded(), "sex", samples=3000))
    assert np.bincount(rows)[0] == pytest.approx(1500, abs=120)
