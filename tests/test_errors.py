"""The tree of errors: each can cross from a worker process to its parent, with all that it says."""

from __future__ import annotations

import pickle

import pytest

from voxpress import errors


def plain() -> list[type[errors.VoxpressError]]:
    return [getattr(errors, name) for name in errors.__all__ if name != "CorruptError"]


@pytest.mark.parametrize("kind", plain(), ids=lambda kind: kind.__name__)
def test_an_error_survives_pickling(kind) -> None:
    error = pickle.loads(pickle.dumps(kind("row 3 is 400; give at most 95")))
    assert type(error) is kind
    assert str(error) == "row 3 is 400; give at most 95"


def test_a_corrupt_error_survives_pickling() -> None:
    before = errors.CorruptError("c.0 is cut short", kind="size", path="volumes/c.0", samples=["a", "b"])
    error = pickle.loads(pickle.dumps(before))
    assert type(error) is errors.CorruptError
    assert (str(error), error.kind, error.path, error.samples) == (
        "c.0 is cut short",
        "size",
        "volumes/c.0",
        ("a", "b"),
    )


def test_the_names_are_all_there_is() -> None:
    made = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)}
    assert sorted(made) == errors.__all__
