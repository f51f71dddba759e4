"""How the commands show values."""

from __future__ import annotations

import pytest

from voxpress.commands import columns, console


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([1.0, 2.0, 6.0], "1 to 6, mean 3"),
        ([2.5, 2.5], "2.5"),
        ([12345.6, 20000.0], "12,346 to 20,000, mean 16,173"),
        (["F", "M", "F"], "F 2, M 1"),
        ([None, 3.0, float("nan")], "3"),
        ([None], "nothing"),
        (list("abcdefghij"), "a 1, b 1, c 1, d 1, e 1, f 1, g 1, h 1 and 2 other values"),
    ],
)
def test_columns_in_a_few_words(values, text) -> None:
    assert columns.described(values) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1 kB"),
        (999_400, "999 kB"),
        (999_900, "1 MB"),
        (123_456, "123 kB"),
        (591e9, "591 GB"),
        (2e15, "2,000 TB"),
    ],
)
def test_sizes_for_people(count, text) -> None:
    assert console.size(count) == text


def test_control_characters_do_not_reach_the_terminal() -> None:
    assert console.printable("a\x1b[31m\nä") == "a\\x1b[31m\\nä"
