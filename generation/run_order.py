"""What a run is asked for, read and checked before anything is written."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import CorruptError, StoreExistsError
from ..store import FORMAT_VERSION, MANIFEST_NAME, Manifest, differences
from ..store.manifest import MOST_MANIFEST_BYTES
from .arrays import specs_of
from .cohort import draw_cohort
from .lock import lock_of
from .recipe import load_people, load_refusals
from .registry import load_backend

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..store import ArraySpec
    from .backend import Backend
    from .cohort import CohortPlan
    from .journals import AnyJournal
    from .recipe import Recipe
    from .refusals import Refusals

__all__ = ["PEOPLE_NAME", "RECIPE_NAME", "REFUSED_NAME", "RunOrder", "read_order"]

RECIPE_NAME = "recipe.yaml"
PEOPLE_NAME = "people.csv"
REFUSED_NAME = "refused.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOrder:
    """An order that a backend can make.

    Attributes:
        recipe: as given.
        load: gives the backend; picklable.
        backend: of this process.
        plan: the cohort.
        specs: of the arrays.
        lock: of the manifest.
        beside: files that make the order whole: with them alone, the data set can be made again.
    """

    recipe: Recipe
    load: Callable[[], Backend]
    backend: Backend
    plan: CohortPlan
    specs: Mapping[str, ArraySpec]
    lock: Mapping[str, Mapping[str, str]]
    beside: Mapping[str, bytes]

    @property
    def words(self) -> dict[str, Any]:
        """All that decides the bytes, as the work folder keeps it."""
        files = {name: data.decode() for name, data in self.beside.items()}
        return {"files": files, "format_version": FORMAT_VERSION, "lock": self.lock}

    def finished(self, journal: AnyJournal) -> Manifest | None:
        """The manifest of a target that holds the finished data set of this order; None if it is not finished.

        What a run has left there is cleared away.

        Raises:
            StoreExistsError: it holds that of another order.
        """
        data = _read(journal, MANIFEST_NAME)
        if data is None:
            return None
        manifest = Manifest.from_bytes(data, f"{journal.address}/{MANIFEST_NAME}")
        texts = {name: _read(journal, name) for name in self.beside}
        there = {name: None if text is None else text.decode(errors="replace") for name, text in texts.items()}
        ordered = {name: data.decode() for name, data in self.beside.items()}
        if differing := [*differences(there, ordered), *differences(manifest.lock, self.lock, "lock")]:
            msg = (
                f"the target {journal.address} holds a finished data set of another order ({'; '.join(differing)}); "
                "give a target that is new or empty"
            )
            raise StoreExistsError(msg)
        journal.clear()
        return manifest


def read_order(
    recipe: Recipe,
    *,
    people_folder: str | Path = ".",
    load: Callable[[], Backend] | None = None,
    lock: Mapping[str, Mapping[str, str]] | None = None,
    refusals: Refusals | None = None,
) -> RunOrder:
    """Reads what a run is asked for. The arguments are those of `factory.generate`.

    Raises:
        RecipeError: the recipe does not fit the backend.
        UnreachableError: the backend cannot make a row.
    """
    load = load or partial(load_backend, recipe.backend.name, recipe.backend.options, recipe.grid)
    backend = load()
    people = load_people(recipe, people_folder)
    refusals = load_refusals(recipe, people_folder) if refusals is None else refusals
    plan = draw_cohort(recipe, backend, people, refusals)
    beside = _beside(recipe, people_folder, refusals)
    return RunOrder(
        recipe=recipe,
        load=load,
        backend=backend,
        plan=plan,
        specs=specs_of(recipe, backend),
        lock={**lock_of(backend), **(lock or {})},
        beside=beside,
    )


def _read(journal: AnyJournal, name: str) -> bytes | None:
    """A file of the target, None if it is not there."""
    try:
        return journal.source.read_all(name, most=MOST_MANIFEST_BYTES)
    except CorruptError as error:
        if error.kind == "missing":
            return None
        raise


def _beside(recipe: Recipe, folder: str | Path, refusals: Refusals | None) -> Mapping[str, bytes]:
    files, moved = {}, {}
    if recipe.people is not None:
        files[PEOPLE_NAME] = (Path(folder) / recipe.people.path).read_bytes()
        moved["people"] = {"path": PEOPLE_NAME, "sha256": recipe.people.sha256}
    if refusals is not None:
        files[REFUSED_NAME] = refusals.to_csv()
        moved["refused"] = {"path": REFUSED_NAME, "sha256": refusals.sha256}
    recipe = recipe.replaced(**moved) if moved else recipe
    return {RECIPE_NAME: recipe.to_yaml().encode(), **files}
