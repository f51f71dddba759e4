"""Which of two semantic versions is greater: the examples of semver.org, and more."""

from __future__ import annotations

from itertools import pairwise

import pytest

from voxpress.store.version_order import precedence

ASCENDING = [
    "0.9.9",
    "1.0.0-0",
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0-rc-1",
    "1.0.0",
    "1.0.1",
    "1.2.0",
    "1.10.0",
    "2.0.0-1.2.3",
    "2.0.0",
]


@pytest.mark.parametrize(("lower", "greater"), list(pairwise(ASCENDING)))
def test_neighbours(lower, greater) -> None:
    assert precedence(lower) < precedence(greater)


def test_what_follows_a_plus_does_not_count() -> None:
    assert precedence("1.0.0+5-a") == precedence("1.0.0")
    assert precedence("1.0.0-rc.1+x.y") == precedence("1.0.0-rc.1")
