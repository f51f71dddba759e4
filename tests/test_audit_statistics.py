"""The rules and tests of the audit: exact where they say so, and they tell copies from people."""

import itertools
from math import comb

import numpy as np
import pytest

from voxpress.quality.audit.calibration import conformal_p, low_rule
from voxpress.quality.audit.excess import copy_excess, share_interval
from voxpress.quality.audit.global_tests import adversarial_loss, auc, authenticity, closer_share, data_copying

RANDOM = np.random.default_rng(11)


def test_conformal_p_counts_who_is_as_close():
    people = np.array([3.0, 1.0, 2.0, 2.0])
    assert conformal_p(np.array([0.5, 1.0, 2.0, 9.0]), people).tolist() == [0.2, 0.4, 0.8, 1.0]


@pytest.mark.parametrize("people", [19, 99, 999])
@pytest.mark.parametrize("wanted", [0.01, 0.05])
def test_a_rule_refuses_the_share_of_new_people_that_it_says(people, wanted):
    attained = low_rule(np.arange(people), wanted).attained
    refused = [
        low_rule(drawn[:people], wanted).flags(drawn[people:]).mean()
        for drawn in np.random.default_rng([people, 1]).standard_normal((2000, people + 20))
    ]
    assert np.mean(refused) == pytest.approx(attained, abs=4 * np.std(refused) / np.sqrt(2000))


def test_too_few_people_are_told():
    few, enough = low_rule(np.arange(1.0, 161), 0.001), low_rule(np.arange(1.0, 1000), 0.001)
    assert (few.is_coarse, few.needed, few.attained, few.threshold) == (True, 999, 1 / 161, 1.0)
    assert (enough.is_coarse, enough.attained) == (False, 0.001)
    assert not enough.flags(np.array([1.0])).any()


def test_share_interval_is_clopper_and_pearsons():
    # of Clopper & Pearson's definition: the ends at which each tail has 2.5 %
    low, high = share_interval(3, 20)
    assert sum(comb(20, k) * low**k * (1 - low) ** (20 - k) for k in range(3, 21)) == pytest.approx(0.025)
    assert sum(comb(20, k) * high**k * (1 - high) ** (20 - k) for k in range(4)) == pytest.approx(0.025)
    assert share_interval(0, 10)[0] == 0
    assert share_interval(10, 10)[1] == 1


def test_excess_is_exact_where_samples_are_people():
    """Every order of 6 people and 3 samples is as likely: the p-value is the share of orders as extreme."""
    people = np.arange(1.0, 7)
    found = copy_excess(np.array([0.1, 0.2, 9.0]), people, 2 / 7)
    assert (found.close, found.level) == (2, 2 / 7)
    orders = list(itertools.combinations(range(9), 3))
    closer = [sum(place < sorted(set(range(9)) - set(order))[1] for place in order) for order in orders]
    assert found.p_value == pytest.approx(np.mean(np.array(closer) >= 2))


@pytest.mark.parametrize(("copied", "proven"), [(0, False), (30, True)])
def test_excess_sees_copies_among_many(copied, proven):
    samples, people = RANDOM.normal(10, 1, 1000), RANDOM.normal(10, 1, 500)
    samples[:copied] = 0.1
    found = copy_excess(samples, people, 0.01)
    assert (found.interval[0] > 0) == proven == (found.p_value < 0.001)
    assert found.interval[0] <= found.value <= found.interval[1]


def test_auc_counts_pairs_and_covers_one_half():
    larger, smaller = np.array([1.0, 2.0, 3.0]), np.array([0.0, 2.0])
    assert auc(larger, smaller)[0] == (1 + 1.5 + 2) / 6
    intervals = [auc(*np.random.default_rng([7, i]).standard_normal((2, 60)))[1] for i in range(300)]
    assert np.mean([low <= 0.5 <= high for low, high in intervals]) == pytest.approx(0.95, abs=0.04)


def _sets():
    train, holdout, new = RANDOM.standard_normal((3, 200, 5)).astype(np.float32)
    return train, holdout, new, train + np.float32(0.01)


def test_statistics_of_the_whole_set_tell_copies_from_people():
    train, holdout, new, copies = _sets()
    assert closer_share(new, train, holdout) == pytest.approx(0.5, abs=0.1)
    assert closer_share(copies, train, holdout) > 0.95
    loss, (low, high) = adversarial_loss(new, train, holdout)
    assert low < 0 < high
    assert adversarial_loss(copies, train, holdout)[0] > max(0.3, loss)


def test_authenticity_uses_the_gap_of_the_samples_own_neighbour():
    gaps = np.array([1.0, 5.0])
    assert authenticity(np.array([2.0, 2.0]), np.array([0, 1]), gaps) == 0.5
    assert authenticity(np.array([2.0, 2.0]), np.array([1, 1]), gaps) == 0.0


def test_data_copying_is_found_in_the_cell_where_it_is():
    people, samples = RANDOM.normal(10, 1, 300), RANDOM.normal(10, 1, 600)
    cells, of_samples = RANDOM.integers(0, 3, 300), RANDOM.integers(0, 3, 600)
    assert abs(data_copying(samples, people, of_samples, cells)) < 3
    samples[of_samples == 1] -= 3
    assert data_copying(samples, people, of_samples, cells) < -3
    assert data_copying(samples[:5], people[:5], of_samples[:5], cells[:5]) is None
