"""Values beside floors: equal rows, halves that share nothing, intervals that cover."""

import numpy as np
import pytest

from voxpress.quality.scores import Score
from voxpress.quality.sets.floors import beside_floor, equal_rows, halving, ratio_to_floor, resample_counts
from voxpress.quality.sets.kernel import kid

RANDOM = np.random.default_rng(13)


def _mean_apart(x, y, x_counts, y_counts):
    """Two numbers: difference of the means, and its size."""
    apart = x_counts @ x[:, 0] / x_counts.sum(axis=1) - y_counts @ y[:, 0] / y_counts.sum(axis=1)
    return np.stack([apart, np.abs(apart)], axis=1)


@pytest.mark.parametrize(("synthetic", "reference", "expected"), [(100, 100, 50), (30, 100, 30), (999, 999, 200)])
def test_all_sets_have_equally_many_rows(synthetic, reference, expected):
    assert equal_rows(synthetic, reference, 200) == expected


def test_halves_share_no_row_and_depend_on_seed_and_split_alone():
    first, second = halving(101, 50, 3, 0)
    assert len(set(first) | set(second)) == 100
    np.testing.assert_array_equal(first, halving(101, 50, 3, 0)[0])
    assert not np.array_equal(first, halving(101, 50, 3, 1)[0])
    assert not np.array_equal(first, halving(101, 50, 4, 0)[0])


def test_resamples_hold_as_many_rows_as_there_are():
    counts = resample_counts(30, 5, 1, 2)
    np.testing.assert_array_equal(counts[0], 1)
    np.testing.assert_array_equal(counts.sum(axis=1), 30)
    assert (counts[1:] == 0).any()


def test_value_and_floor_are_the_statistic_of_the_rows_that_are_told():
    x, y = RANDOM.normal(1, 1, (80, 1)), RANDOM.normal(0, 1, (100, 1))
    signed, size = beside_floor(_mean_apart, x, y, rows=50, seed=4, splits=7, resamples=40)
    taken = np.random.default_rng([4, 0]).permutation(80)[:50]
    halves = [halving(100, 50, 4, split) for split in range(7)]
    assert signed.value == pytest.approx(x[taken].mean() - y[halves[0][0]].mean())
    floors = [y[second].mean() - y[first].mean() for first, second in halves]
    assert signed.floor == pytest.approx(np.sqrt(np.mean(np.square(floors)))) == pytest.approx(size.floor)
    assert signed.floor_interval == pytest.approx(np.quantile(floors, (0.025, 0.975)))
    assert signed.rows == 50


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    inside = 0
    for seed in range(100):
        random = np.random.default_rng(seed)
        x, y = random.normal(0.5, 1, (60, 1)), random.normal(0, 1, (120, 1))
        low, high = beside_floor(_mean_apart, x, y, rows=60, seed=seed, splits=1)[0].interval
        inside += low <= 0.5 <= high
    assert 88 <= inside <= 99


def test_a_perfect_set_is_at_its_floor_and_a_shifted_one_far_above():
    x, y = RANDOM.normal(size=(60, 5)), RANDOM.normal(size=(120, 5))
    (same,) = beside_floor(kid, x, y, rows=60)
    (shifted,) = beside_floor(kid, x + 1, y, rows=60)
    assert abs(same.value) < 3 * same.floor
    assert shifted.interval[0] > 5 * shifted.floor > 0
    assert same.interval[0] < same.value < same.interval[1]


def test_the_same_seed_gives_the_same_numbers():
    x, y = RANDOM.normal(size=(40, 5)), RANDOM.normal(size=(80, 5))
    one, again, other = (beside_floor(kid, x, y, rows=35, seed=seed, splits=3, resamples=20) for seed in (1, 1, 2))
    assert one == again
    assert one != other


def test_a_ratio_is_the_value_over_its_floor():
    score = Score(id="set.kid.net", value=6.0, interval=(4.0, 8.0), floor=2.0)
    assert ratio_to_floor(score) == (3.0, (2.0, 4.0))


@pytest.mark.parametrize("floor", [None, 0.0])
def test_without_a_floor_there_is_no_ratio(floor):
    assert ratio_to_floor(Score(id="set.kid.net", value=6.0, floor=floor)) is None
