"""Finds backends: whatever an installed package registers under the entry-point group ``voxpress.backends``.

A package offers one with, in its ``pyproject.toml``::

    [project.entry-points."voxpress.backends"]
    spheres = "my_package:SpheresBackend"

where ``SpheresBackend(options, grid)`` gives a `Backend`. Nothing is imported before a backend is asked for.
"""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING, Any, cast

from ..errors import GenerationError, RecipeError
from .backend import Backend
from .names import did_you_mean, listed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .backend import Grid

__all__ = ["GROUP", "installed_backends", "load_backend"]

GROUP = "voxpress.backends"


def installed_backends() -> Mapping[str, str]:
    """Backend → the installed package that brings it, sorted by name; nothing is imported."""
    return {name: listed(_packages(found)) for name, found in sorted(_found().items())}


def load_backend(name: str, options: Mapping[str, Any], grid: Grid) -> Backend:
    """Makes the backend that a recipe names.

    Args:
        name: as registered.
        options: what the recipe tells it.
        grid: the voxel grid of every volume.

    Raises:
        RecipeError: no installed package has a backend of that name, or it refuses the options or the grid.
        GenerationError: it is installed, but cannot be imported, does not keep the contract, or is there twice.
    """
    found = _found().get(name, [])
    if not found:
        names = sorted(_found())
        msg = (
            f"backend.name: must be an installed backend, which are {listed(names)}, got {name!r}"
            f"{did_you_mean(name, names)}"
        )
        raise RecipeError(msg)
    if len({entry.value for entry in found}) > 1:
        msg = f"the backend {name!r} is registered by more than one package: {listed(_packages(found))}; uninstall one"
        raise GenerationError(msg)
    backend = _imported(found[0])(dict(options), grid)
    lacking = [part for part in _contract() if not hasattr(backend, part)]
    if lacking:
        msg = (
            f"the backend {name!r} of {_package(found[0])} does not keep the contract of voxpress.generation.backend: "
            f"it lacks {listed(lacking)}; tell its authors"
        )
        raise GenerationError(msg)
    return cast("Backend", backend)


def _found() -> dict[str, list[metadata.EntryPoint]]:
    found: dict[str, list[metadata.EntryPoint]] = {}
    for entry in metadata.entry_points(group=GROUP):
        found.setdefault(entry.name, []).append(entry)
    return found


def _imported(entry: metadata.EntryPoint) -> Any:
    name, package = entry.name, _package(entry)
    try:
        return entry.load()
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing and missing != entry.module.partition(".")[0]:
            todo = f"the package {missing!r} is not installed: pip install {missing}"
        else:
            todo = f"{error}; install {package} again"
        msg = f"the backend {name!r} of {package} cannot be imported: {todo}"
        raise GenerationError(msg) from error
    except (ImportError, AttributeError) as error:
        msg = f"the backend {name!r} of {package} cannot be imported: {error}; install {package} again"
        raise GenerationError(msg) from error


def _packages(entries: list[metadata.EntryPoint]) -> list[str]:
    return sorted({_package(entry) for entry in entries})


def _package(entry: metadata.EntryPoint) -> str:
    return entry.dist.name if entry.dist else entry.module.partition(".")[0]


def _contract() -> list[str]:
    methods = {part for part in vars(Backend) if not part.startswith("_")}
    return sorted(methods | set(Backend.__annotations__))
