"""Comparing recipes, locks and arrays by dotted names."""

from __future__ import annotations

import pytest

from voxpress.store.diff.fields import field_changes
from voxpress.store.diff.words import field_words, shown


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ({}, {}, []),
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2}, [("a", 1, 2)]),
        ({"a": 1}, {"b": 1}, [("a", 1, None), ("b", None, 1)]),
        ({"a": {"b": {"c": 1, "d": 2}}}, {"a": {"b": {"c": 3, "d": 2}}}, [("a.b.c", 1, 3)]),
        ({"a": [1, 2]}, {"a": [1, 3]}, [("a", [1, 2], [1, 3])]),
        ({"a": {"range": [1, 2]}}, {"a": {"normal": 3}}, [("a", {"range": [1, 2]}, {"normal": 3})]),
        ({"a": {}}, {"a": {"b": 1}}, [("a.b", None, 1)]),
        ({"a": {"b": 1}}, {"a": 1}, [("a", {"b": 1}, 1)]),
        ({"s": {"x": 1, "y": 2}}, {"s": {"y": 2, "x": 1}}, [("s (order)", ["x", "y"], ["y", "x"])]),
        ({"x": 1, "y": 2}, {"y": 2, "x": 1}, [("(order)", ["x", "y"], ["y", "x"])]),
        ({1: "a"}, {1: "b"}, [("1", "a", "b")]),
    ],
)
def test_each_field_that_differs_is_told_once(old, new, changes) -> None:
    assert [(each.name, each.old, each.new) for each in field_changes(old, new, ordered=True)] == changes


def test_the_order_counts_only_where_that_is_said() -> None:
    assert field_changes({"x": 1, "y": {"a": 1, "b": 2}}, {"y": {"b": 2, "a": 1}, "x": 1}) == ()


def test_the_name_of_the_whole_comes_first() -> None:
    assert [each.name for each in field_changes({"a": {"b": 1, "c": 0}}, {"a": {"b": 2, "c": 0}}, "lock")] == [
        "lock.a.b"
    ]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "nothing"),
        ("", "''"),
        ("a\nb", "a b"),
        (1.5, "1.5"),
        ([70, 90], "[70, 90]"),
        ({"range": [70, 90]}, '{"range": [70, 90]}'),
        ("x" * 200, "x" * 99 + "…"),
    ],
)
def test_values_are_shown_on_one_short_line(value, words) -> None:
    assert shown(value) == words


def test_a_change_in_words() -> None:
    (change,) = field_changes({"samples": 14}, {"samples": 21})
    assert field_words(change) == "14 → 21"
