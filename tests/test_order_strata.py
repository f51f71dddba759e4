"""The bound on how far any stretch is from the table's proportions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxpress.loaders.order import Stratified

ROUNDING = 1e-9


def sequence(order, seed=0, epoch=0):
    return order.rows(np.arange(len(order)), seed=seed, epoch=epoch)


def worst_excess(codes: np.ndarray) -> float:
    """The most by which any stretch of any length exceeds the bound; 0 or less if none does."""
    classes = len(set(codes.tolist()))
    excess = -np.inf
    for code in set(codes.tolist()):
        chance = (codes == code).mean()
        missing = np.concatenate([[0], np.cumsum((codes == code) - chance)])
        # the difference of two prefixes is a stretch, so the widest gap is the worst stretch
        excess = max(excess, missing.max() - missing.min() - (1 + chance * (classes - 2)))
    return excess - ROUNDING


@given(counts=st.lists(st.integers(1, 60), min_size=1, max_size=7), seed=st.integers(0, 99), epoch=st.integers(0, 9))
def test_every_stretch_has_the_proportions_of_the_table(counts, seed, epoch):
    codes = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    rows = sequence(Stratified.of(codes), seed, epoch)
    assert sorted(rows.tolist()) == list(range(len(codes)))
    assert worst_excess(codes[rows]) <= 0


def test_the_check_can_fail():
    assert worst_excess(np.repeat([0, 1], 50)) > 0


def test_batches_of_a_typical_cohort():
    """Of 32 from 60 % CN, 25 % MCI and 15 % AD, 19.2, 8 and 4.8 are due."""
    codes = np.repeat([0, 1, 2], [6000, 2500, 1500])
    dealt = codes[sequence(Stratified.of(codes), epoch=3)][: 312 * 32].reshape(312, 32)
    assert {int(count) for count in (dealt == 0).sum(axis=1)} <= {18, 19, 20}
    assert {int(count) for count in (dealt == 1).sum(axis=1)} <= {7, 8, 9}
    assert {int(count) for count in (dealt == 2).sum(axis=1)} <= {4, 5, 6}


def test_who_of_a_class_comes_is_shuffled():
    codes = np.tile([0, 1], 500)
    first = [tuple(sequence(Stratified.of(codes), epoch=epoch)[:4].tolist()) for epoch in range(20)]
    assert len(set(first)) == 20
    rows = sequence(Stratified.of(codes))
    for code in (0, 1):
        of_class = rows[codes[rows] == code]
        assert abs(np.corrcoef(of_class, np.arange(500))[0, 1]) < 0.15


def test_no_class_begins_every_epoch():
    codes = np.repeat([0, 1], [80, 20])
    first = [int(codes[sequence(Stratified.of(codes), epoch=epoch)[0]]) for epoch in range(200)]
    assert 20 < sum(first) < 65


def test_one_class_is_a_full_shuffle():
    assert len({tuple(sequence(Stratified.of(np.zeros(9)), epoch=epoch)) for epoch in range(5)}) == 5


def test_codes_may_leave_gaps():
    assert Stratified.of([7, 3, 7]).starts.tolist() == [0, 1, 3]


@pytest.mark.parametrize("codes", [[0, -1], [[0]]])
def test_what_makes_no_classes_is_refused(codes):
    with pytest.raises(ValueError, match=r"negative|one dimension"):
        Stratified.of(codes)
