"""What can be said of one condition, and the numbers that it then gives."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy import stats

from voxpress.errors import RecipeError
from voxpress.generation.distributions import Choice, Column, Fixed, Normal, Population, Uniform
from voxpress.generation.plan import parse_distribution
from voxpress.generation.quantiles import truncated_normal, uniform, weighted
from voxpress.generation.streams import sample_seed, stream_key, uniforms

U = (np.arange(1000) + 0.5) / 1000


@pytest.mark.parametrize(
    ("raw", "parsed"),
    [
        (70, Fixed(value=70.0)),
        (0.5, Fixed(value=0.5)),
        ("F", Fixed(value="F")),
        ("population", Population()),
        ({"choice": ["CN", "AD"]}, Choice(options=(("CN", 1.0), ("AD", 1.0)))),
        ({"choice": {"CN": 3, "AD": 0}}, Choice(options=(("CN", 3.0), ("AD", 0.0)))),
        ({"choice": {0.1: 1, 0.2: 1}}, Choice(options=((0.1, 1.0), (0.2, 1.0)))),
        ({"range": [70, 90]}, Uniform(low=70, high=90)),
        ({"range": [70, 70]}, Uniform(low=70, high=70)),
        ({"normal": {"mean": 75, "sd": 6}}, Normal(mean=75, sd=6)),
        ({"normal": {"mean": 75, "sd": 6, "min": 60, "max": 95}}, Normal(mean=75, sd=6, min=60, max=95)),
        ({"column": "years"}, Column(column="years")),
    ],
)
def test_forms(raw, parsed):
    assert parse_distribution(raw, path="conditions.x") == parsed
    assert parse_distribution(parsed.to_plain(), path="conditions.x") == parsed
    assert parse_distribution(parsed, path="conditions.x") is parsed


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (True, "x: must be a finite number or a text, got true (YAML reads an unquoted yes, no, on, off"),
        (None, "x: must be a value, population, {choice: …}, {range: [low, high]}"),
        (float("nan"), "x: must be a finite number or a text, got nan"),
        (float("inf"), "x: must be a finite number or a text, got inf"),
        (10**400, "x: must be a finite number or a text, got 1000"),
        ("", "x: must be a finite number or a text, got ''"),
        ([1, 2], "x: must be a value, population"),
        ({}, "x: must be a value, population"),
        ({"rnge": [1, 2]}, "got {'rnge': [1, 2]}; did you mean 'range'?"),
        ({"range": [1, 2], "choice": [1]}, "x: must be a value, population"),
        ({"range": 3}, "x.range: must be [low, high]: two finite numbers with low not above high, got 3"),
        ({"range": [1, 2, 3]}, "x.range: must be [low, high]"),
        ({"range": [2, 1]}, "x.range: must be [low, high]: two finite numbers with low not above high, got [2, 1]"),
        ({"range": [1, float("inf")]}, "x.range: must be [low, high]"),
        ({"range": [False, 1]}, "got false"),
        ({"range": ["1", 2]}, "got '1'"),
        ({"choice": {}}, "x.choice: must be {value: weight, …} or [value, …], got {}"),
        ({"choice": []}, "x.choice: must be {value: weight"),
        ({"choice": "CN"}, "x.choice: must be {value: weight"),
        ({"choice": ["CN", "CN"]}, "x.choice: must be a choice that names each value once, got ['CN', 'CN']"),
        ({"choice": {"CN": "much"}}, "x.choice: must be a finite weight of 0 or more for CN, got 'much'"),
        ({"choice": {"CN": float("nan")}}, "x.choice: must be a finite weight"),
        ({"choice": {"CN": -1, "AD": 2}}, "x.choice: must be values with weights of 0 or more, one of them above 0"),
        ({"choice": {"CN": 0}}, "x.choice: must be values with weights"),
        ({"choice": {False: 1}}, "x.choice: must be a finite number or a text, got false"),
        ({"normal": 3}, "x.normal: must be a mapping with mean and sd"),
        ({"normal": {"mean": 3}}, "x.normal.sd: must be given"),
        ({"normal": {"mean": 3, "sd": 0}}, "x.normal.sd: must be a finite number above 0, got 0"),
        ({"normal": {"mean": True, "sd": 1}}, "x.normal.mean: must be a finite number, got true"),
        ({"normal": {"mean": 3, "sd": 1, "min": 4, "max": 4}}, "x.normal: must be truncated with min below max"),
        ({"normal": {"mean": 3, "sd": 1, "low": 4}}, "x.normal.low: is not a field here, which are mean, sd, min, max"),
        ({"column": 3}, "x.column: must be the name of a column of the people file, got 3"),
    ],
)
def test_refusals(raw, said):
    with pytest.raises(RecipeError) as caught:
        parse_distribution(raw, path="x")
    assert said in str(caught.value)


def test_uniform():
    values = uniform(U, 70, 90)
    assert values.min() == pytest.approx(70.01)
    assert values.max() == pytest.approx(89.99)


def test_weighted_takes_each_value_as_often_as_it_weighs_and_never_what_weighs_nothing():
    values = weighted(U, ["a", "b", "c", "d"], [0, 3, 1, 0])
    assert [np.count_nonzero(values == name) for name in "abcd"] == [0, 750, 250, 0]
    edges = weighted(np.array([2.0**-53, 1 - 2.0**-53]), ["a", "b", "c", "d"], [0, 3, 1, 0])
    assert edges.tolist() == ["b", "c"]


@pytest.mark.parametrize(
    ("lower", "upper"),
    [(-np.inf, np.inf), (60, 95), (-np.inf, 70), (80, np.inf), (75, 75.5), (200, 210), (-400, -390), (150, np.inf)],
)
def test_truncated_normal_is_that_of_scipy(lower, upper):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        values = truncated_normal(U, 75, 6, lower, upper)
    expected = stats.truncnorm.ppf(U, (lower - 75) / 6, (upper - 75) / 6, loc=75, scale=6)
    assert np.all(np.diff(values) > 0)
    assert np.all((values >= lower) & (values <= upper))
    np.testing.assert_allclose(values, expected, rtol=1e-7)


def test_truncated_normal_has_bounds_of_each_row():
    values = truncated_normal(np.full(3, 0.5), np.array([0.0, 10.0, 20.0]), 1.0, np.array([0, 9, 25]), np.inf)
    assert values[0] == pytest.approx(0.6745, abs=1e-3)
    assert 9.5 < values[1] < 10.5
    assert 25 < values[2] < 25.3


def test_uniforms_are_strictly_inside_even_and_stable():
    u = uniforms(0, "condition/age", 100_000)
    assert u.min() > 0
    assert u.max() < 1
    assert stats.kstest(u, "uniform").pvalue > 0.01
    assert np.array_equal(u[:1000], uniforms(0, "condition/age", 1000))


def test_streams_are_independent():
    age, sex, other = (uniforms(*key, 20_000) for key in [(0, "age"), (0, "sex"), (1, "age")])
    assert abs(np.corrcoef([age, sex, other]) - np.eye(3)).max() < 0.03


def test_streams_are_pinned():
    assert uniforms(20220614, "condition/age", 3).tolist() == [
        0.8927479314593515,
        0.3611462680934149,
        0.18606000478059725,
    ]
    assert stream_key(0, "splits", bits=64) == 1167693773253156742
    assert sample_seed(20220614, 41, 1) == 3653827019457610594


def test_sample_seeds_have_63_bits_and_differ():
    seeds = {sample_seed(seed, index, attempt) for seed in (0, 1) for index in range(100) for attempt in range(3)}
    assert len(seeds) == 600
    assert all(0 <= seed < 2**63 for seed in seeds)
