"""Rows are drawn as often as their weights say, and weights that say nothing are refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2

from voxpress.loaders.order import Classes, Weighted

DIAGNOSES = ["CN"] * 60 + ["MCI"] * 30 + ["AD"] * 10


def drawn(weights, samples=40_000, seed=0, epoch=0):
    order = Weighted.of(weights, samples)
    return np.bincount(order.rows(np.arange(samples), seed=seed, epoch=epoch), minlength=order.cohort_rows)


@pytest.mark.parametrize(
    "weights",
    [
        pytest.param(np.ones(100), id="equal"),
        pytest.param(np.arange(50), id="one is never drawn"),
        pytest.param([0, 0, 1, 0, 3, 0], id="mostly nothing"),
        pytest.param([1e-300, 3e-300], id="tiny"),
        pytest.param([1e308, 1e308, 1e308], id="huge"),
        pytest.param([7], id="only one"),
    ],
)
def test_draws_follow_the_weights(weights):
    weights = np.asarray(weights, dtype=np.float64)
    counts = drawn(weights)
    chances = weights / weights.max() / (weights / weights.max()).sum()
    assert not counts[weights == 0].any()
    expected, found = chances[weights > 0] * counts.sum(), counts[weights > 0]
    assert chi2.sf(((found - expected) ** 2 / expected).sum(), max(len(found) - 1, 1)) > 0.001


@given(st.lists(st.sampled_from([0.0, 1.0, 1e-12, 1e12, 0.1]), min_size=1, max_size=30).filter(any))
def test_rows_without_weight_are_never_drawn(weights):
    assert not drawn(weights, samples=500)[np.asarray(weights) == 0].any()


def test_draws_of_different_epochs_and_seeds_are_unrelated():
    order = Weighted.of(np.ones(1000))
    sequences = [order.rows(np.arange(1000), seed=seed, epoch=epoch) for seed in (0, 1) for epoch in (0, 1)]
    agreeing = [int((one == other).sum()) for i, one in enumerate(sequences) for other in sequences[:i]]
    assert max(agreeing) < 8
    # with replacement: 1 - 1/e of the rows come
    assert 590 < len(set(sequences[0].tolist())) < 675


def test_neighbouring_draws_are_unrelated():
    rows = Weighted.of(np.ones(2), 10_000).rows(np.arange(10_000), seed=0, epoch=0)
    assert abs(np.corrcoef(rows[1:], rows[:-1])[0, 1]) < 0.04


def test_an_epoch_may_have_more_or_fewer_draws_than_rows():
    for samples in (1, 500):
        order = Weighted.of([1, 2, 3], samples)
        assert (len(order), order.cohort_rows) == (samples, 3)


def test_balance_makes_classes_equally_likely():
    counts = drawn(Classes.of(DIAGNOSES).balancing_weights(), samples=30_000)
    assert [counts[:60].sum(), counts[60:90].sum(), counts[90:].sum()] == pytest.approx([10_000] * 3, rel=0.03)


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        pytest.param({"AD": 0.5}, [1 / 3, 1 / 6, 0.5], id="half AD"),
        pytest.param({"AD": 1.0}, [0, 0, 1], id="nothing else"),
        pytest.param({"CN": 0.0}, [0, 0.75, 0.25], id="without CN"),
        pytest.param({"CN": 0.2, "MCI": 0.3}, [0.2, 0.3, 0.5], id="two named"),
        pytest.param({"CN": 0.1, "MCI": 0.2, "AD": 0.7}, [0.1, 0.2, 0.7], id="all named"),
    ],
)
def test_shares_are_kept_and_the_rest_keeps_its_proportions(shares, expected):
    weights = Classes.of(DIAGNOSES).sharing_weights(shares)
    parts = [weights[:60].sum(), weights[60:90].sum(), weights[90:].sum()]
    assert parts == pytest.approx(expected)


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        pytest.param({"Alzheimer": 0.5}, r"which are 'AD', 'CN', 'MCI'; got \['Alzheimer'\]", id="unknown class"),
        pytest.param({}, "shares must name classes", id="nothing"),
        pytest.param({"AD": -0.1}, "0 to 1", id="negative"),
        pytest.param({"AD": float("nan")}, "0 to 1", id="no number"),
        pytest.param({"AD": 0.6, "CN": 0.6}, "all together at most 1", id="too much"),
        pytest.param({"AD": 0.3, "CN": 0.3, "MCI": 0.3}, "must add up to 1", id="too little for all"),
    ],
)
def test_shares_that_make_no_whole_are_refused(shares, message):
    with pytest.raises(ValueError, match=message):
        Classes.of(DIAGNOSES).sharing_weights(shares)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        pytest.param([1, -1, -2], r"got -1.0 for row 1 \(2 such rows\)", id="negative"),
        pytest.param([1, float("nan")], "got nan for row 1", id="no number"),
        pytest.param([float("inf"), 1], "got inf for row 0", id="infinite"),
        pytest.param([0, 0], "got 2 weights, none of them above 0", id="all zero"),
        pytest.param([], "got 0 weights", id="none"),
        pytest.param([[1.0]], "in one dimension", id="square"),
    ],
)
def test_weights_that_say_nothing_are_refused(weights, message):
    with pytest.raises(ValueError, match=message):
        Weighted.of(weights)


def test_an_epoch_needs_a_draw():
    with pytest.raises(ValueError, match="samples must be at least 1, got 0"):
        Weighted.of([1.0], 0)


@pytest.mark.parametrize(
    ("values", "names", "codes"),
    [
        pytest.param(["b", "a", "b"], ("a", "b"), [1, 0, 1], id="strings"),
        pytest.param([3, 1, 3], (1, 3), [1, 0, 1], id="integers"),
        pytest.param([True, False], (False, True), [1, 0], id="booleans"),
        pytest.param([2.0, 1.0], (1.0, 2.0), [1, 0], id="whole numbers"),
        pytest.param(np.array(["b", "a"], dtype=object), ("a", "b"), [1, 0], id="objects"),
        pytest.param([], (), [], id="nothing"),
    ],
)
def test_a_column_makes_classes(values, names, codes):
    classes = Classes.of(values)
    assert (classes.names, classes.codes.tolist()) == (names, codes)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        pytest.param([1.0, float("nan")], "1 of 2 rows have no value", id="missing number"),
        pytest.param(np.array(["a", None, None], dtype=object), "2 of 3 rows have no value", id="missing string"),
        pytest.param([0.5, 1.0], "strings or whole numbers", id="fractions"),
    ],
)
def test_columns_that_make_no_classes_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        Classes.of(values)


def test_values_of_a_dictionary_that_do_not_occur_make_no_class():
    classes = Classes.of_encoded(["z", "never", "a"], np.array([0, 2, 0]))
    assert (classes.names, classes.codes.tolist()) == (("a", "z"), [1, 0, 1])
