"""What beside the recipe decides the bytes of a data set."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .backend import Backend

__all__ = ["lock_differences", "lock_of"]

_COHORT = ("numpy", "scipy")
_STORE = ("numcodecs", "pyarrow")


def lock_of(backend: Backend) -> Mapping[str, Mapping[str, str]]:
    """The lock of the manifest: group → name → value. It names no machine, and no time."""
    return {
        "backend": {"name": backend.name, **dict(sorted(backend.fingerprint().items()))},
        "cohort": {package: version(package) for package in _COHORT},
        "store": {package: version(package) for package in _STORE},
        "voxpress": {"version": version("voxpress")},
    }


def lock_differences(there: Mapping[str, Mapping[str, Any]], here: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """What is not as it was when a data set was made, one text an entry.

    Args:
        there: lock of the data set; groups that `here` does not have tell of something else, such as a copy.
        here: lock of what is installed.

    >>> lock_differences({"cohort": {"numpy": "2.1"}}, {"cohort": {"numpy": "2.2"}})
    ('cohort.numpy was 2.1, is 2.2 here',)
    """
    return tuple(
        f"{group}.{name} was {_shown(there.get(group, {}).get(name))}, is {_shown(values.get(name))} here"
        for group, values in sorted(here.items())
        for name in sorted({*there.get(group, {}), *values})
        if there.get(group, {}).get(name) != values.get(name)
    )


def _shown(value: Any) -> str:
    return "nothing" if value is None else str(value)[:100]
