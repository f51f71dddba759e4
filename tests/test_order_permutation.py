"""The permutation is one, is the same for ever, and looks like a random one."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2

from voxpress.loaders.order import permuted, unpermuted
from voxpress.loaders.order.permutation import MOST

words64 = st.integers(min_value=0, max_value=2**64 - 1)
SIZES = [1, 2, 3, 4, 5, 15, 16, 17, 63, 64, 65, 100, 255, 256, 257, 4096, 4097, 65_537]


def assert_even(counts: np.ndarray) -> None:
    """Chi-square against equal chances; what is drawn is fixed, so this passes always or never."""
    expected = counts.mean()
    statistic = ((counts - expected) ** 2 / expected).sum()
    assert chi2.sf(statistic, counts.size - 1) > 0.001, f"{statistic:.0f} for {counts.size - 1} degrees of freedom"


@pytest.mark.parametrize("size", SIZES)
def test_each_number_stands_at_one_place(size):
    numbers = permuted(np.arange(size), size, seed=3, epoch=1)
    assert numbers.dtype == np.int64
    assert np.array_equal(np.sort(numbers), np.arange(size))


@given(size=st.integers(1, 3000), seed=words64, epoch=words64, stream=st.integers(0, 9), part=st.integers(0, 2**40))
def test_the_inverse_leads_back(size, seed, epoch, stream, part):
    address = {"seed": seed, "epoch": epoch, "stream": stream, "part": part}
    places = np.arange(size)
    numbers = permuted(places, size, **address)
    assert np.array_equal(np.sort(numbers), places)
    assert np.array_equal(unpermuted(numbers, size, **address), places)


@given(size=st.integers(1, MOST), seed=words64, data=st.data())
def test_the_inverse_leads_back_in_ranges_too_large_to_list(size, seed, data):
    places = np.array(data.draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=20)))
    numbers = permuted(places, size, seed=seed, epoch=0)
    assert numbers.min() >= 0
    assert numbers.max() < size
    assert np.array_equal(unpermuted(numbers, size, seed=seed, epoch=0), places)


@pytest.mark.parametrize(
    ("size", "address", "expected"),
    [
        pytest.param(1, {"seed": 0, "epoch": 0}, [0], id="one"),
        pytest.param(10, {"seed": 0, "epoch": 0}, [0, 1, 9, 6, 8, 2, 5, 7, 3, 4], id="ten"),
        pytest.param(10, {"seed": 0, "epoch": 1}, [7, 4, 1, 2, 6, 0, 9, 5, 3, 8], id="next epoch"),
        pytest.param(10, {"seed": 0, "epoch": 0, "stream": 1}, [7, 6, 0, 3, 4, 1, 2, 9, 5, 8], id="other stream"),
        pytest.param(10, {"seed": 0, "epoch": 0, "part": 1}, [3, 2, 9, 5, 6, 4, 1, 7, 0, 8], id="other part"),
        pytest.param(
            100_000,
            {"seed": 20220614, "epoch": 7},
            [76212, 58034, 94463, 2523, 9301, 52933, 78522, 66170, 86072, 27943],
            id="a whole cohort",
        ),
        pytest.param(
            2**40,
            {"seed": 2**64 - 1, "epoch": 2**64 - 1},
            [
                681584297229,
                635345376050,
                652780095275,
                470490030061,
                23578158309,
                104135243470,
                440259325645,
                432831395565,
                108649772544,
                140013112719,
            ],
            id="the largest",
        ),
    ],
)
def test_known_permutations_stay_the_same_across_versions(size, address, expected):
    assert permuted(np.arange(min(size, 10)), size, **address).tolist() == expected


@given(sizes=st.lists(st.integers(1, 500), min_size=1, max_size=6), seed=words64)
def test_several_permutations_at_once_are_those_asked_one_by_one(sizes, seed):
    places = np.concatenate([np.arange(size) for size in sizes])
    part = np.repeat(np.arange(len(sizes)), sizes)
    together = permuted(places, np.repeat(sizes, sizes), seed=seed, epoch=4, part=part)
    alone = [permuted(np.arange(size), size, seed=seed, epoch=4, part=number) for number, size in enumerate(sizes)]
    assert np.array_equal(together, np.concatenate(alone))
    back = unpermuted(together, np.repeat(sizes, sizes), seed=seed, epoch=4, part=part)
    assert np.array_equal(back, places)


def test_a_place_does_not_depend_on_what_else_is_asked():
    size = 50_000
    whole = permuted(np.arange(size), size, seed=1, epoch=0)
    some = np.random.default_rng(0).integers(0, size, 300)
    assert np.array_equal(permuted(some, size, seed=1, epoch=0), whole[some])
    assert permuted([], size, seed=1, epoch=0).tolist() == []


@pytest.mark.parametrize("size", [2, 3, 4, 5])
def test_all_permutations_of_a_few_are_equally_likely(size):
    every = {numbers: position for position, numbers in enumerate(permutations(range(size)))}
    draws = 300 * len(every)
    places, part = np.tile(np.arange(size), draws), np.repeat(np.arange(draws), size)
    drawn = permuted(places, size, seed=0, epoch=0, part=part).reshape(draws, size)
    assert_even(np.bincount([every[tuple(numbers)] for numbers in drawn.tolist()], minlength=len(every)))


@pytest.mark.parametrize("size", [13, 32, 64, 100])
def test_every_number_is_equally_likely_at_every_place(size):
    epochs = 400
    drawn = np.array([permuted(np.arange(size), size, seed=5, epoch=epoch) for epoch in range(epochs)])
    counts = np.array([np.bincount(column, minlength=size) for column in drawn.T])
    # rows and columns of the table add up to the number of epochs, so (size - 1)² of its counts are free
    statistic = ((counts - epochs / size) ** 2 / (epochs / size)).sum()
    assert 0.001 < chi2.sf(statistic, (size - 1) ** 2) < 0.999


def test_neighbours_do_not_stay_together():
    size, epochs = 1000, 200
    steps = [np.diff(permuted(np.arange(size), size, seed=0, epoch=epoch)) for epoch in range(epochs)]
    # of 999 pairs, 0.999 are expected to ascend by one, and as many to descend
    for step in (1, -1):
        assert 160 < sum(int((differences == step).sum()) for differences in steps) < 240


def test_half_of_all_pairs_are_swapped():
    size = 4000
    numbers = permuted(np.arange(size), size, seed=0, epoch=0)
    correlation = np.corrcoef(np.arange(size), numbers)[0, 1]
    # standard deviation 1/√size
    assert abs(correlation) < 4 / np.sqrt(size)


def test_epochs_seeds_streams_and_parts_are_unrelated():
    size = 512
    addresses = [
        {"seed": seed, "epoch": epoch, "stream": stream, "part": part}
        for seed in (0, 1)
        for epoch in (0, 1)
        for stream in (0, 1)
        for part in (0, 1)
    ]
    drawn = [permuted(np.arange(size), size, **address) for address in addresses]
    agreeing = [int((one == other).sum()) for i, one in enumerate(drawn) for other in drawn[:i]]
    # one agreement is expected of each of the 120 pairs
    assert max(agreeing) < 8
    assert 80 < sum(agreeing) < 170


@pytest.mark.parametrize(("size", "place"), [(10, -1), (10, 10), (1, 1)])
def test_places_that_do_not_exist_are_refused(size, place):
    with pytest.raises(IndexError, match=f"place {place} is outside"):
        permuted([0, place], size, seed=0, epoch=0)


@pytest.mark.parametrize("size", [0, -3, 2**40 + 1])
def test_sizes_out_of_range_are_refused(size):
    with pytest.raises(ValueError, match="size must be 1 to 2\\^40"):
        permuted([0], size, seed=0, epoch=0)


def test_asking_for_no_place_works_in_an_empty_permutation():
    assert permuted([], 0, seed=0, epoch=0).tolist() == []
