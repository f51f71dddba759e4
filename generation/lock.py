"""What beside the recipe decides the bytes of a data set."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .backend import Backend

__all__ = ["lock_of"]

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
