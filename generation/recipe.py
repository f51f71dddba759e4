r"""The recipe: what a person orders, as frozen and validated types.

`load_recipe` and `parse_recipe` read YAML; every problem of a recipe is told at once, each with the path of its
field, what the field must be and what it got. A `Recipe` knows nothing of backends: whether the conditions exist
and can be reached is for `draw_cohort` to say, which has one at hand.

>>> recipe = parse_recipe("name: elderly\nsamples: 100\nconditions: {age: {range: [70, 90]}}")
>>> recipe.conditions["age"]
Uniform(low=70.0, high=90.0)
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ..errors import RecipeError
from ..store.strict_yaml import MAX_BYTES, read_mapping
from .overrides import with_overrides
from .people import People, read_people
from .recipe_types import BackendOrder, ImageOrder, PeopleFile, Recipe, RefusedFile, ShardOrder
from .refusals import Refusals, read_refusals

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "BackendOrder",
    "ImageOrder",
    "PeopleFile",
    "Recipe",
    "RefusedFile",
    "ShardOrder",
    "default_recipe",
    "example_text",
    "load_people",
    "load_recipe",
    "load_refusals",
    "parse_recipe",
    "recipe_from",
]


def load_recipe(
    path: str | Path, *, sets: Sequence[str] = (), samples: int | None = None, seed: int | None = None
) -> Recipe:
    """Reads a recipe file; its people file and its refusal list are looked for in the same folder.

    Args:
        path: the YAML file.
        sets: changes as of ``--set``, see `with_overrides`.
        samples: number of samples, in place of the file's.
        seed: seed, in place of the file's.

    Raises:
        RecipeError: the file cannot be read or the recipe is not well formed; one line a problem.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        content = data.decode("utf-8-sig")
    except OSError as error:
        msg = f"the recipe {path} cannot be read: {error.strerror or error}; give the path of a YAML file"
        raise RecipeError(msg) from None
    except UnicodeDecodeError as error:
        if len(data) <= MAX_BYTES:
            msg = f"the recipe {path} must be UTF-8 text, got byte {data[error.start]:#04x} at offset {error.start}"
            raise RecipeError(msg) from None
        content = data.decode("latin-1")  # too large anyway: that is what it will be told
    return parse_recipe(content, folder=path.parent, source=str(path), sets=sets, samples=samples, seed=seed)


def parse_recipe(
    content: str,
    *,
    folder: str | Path | None = None,
    source: str = "the recipe",
    sets: Sequence[str] = (),
    samples: int | None = None,
    seed: int | None = None,
) -> Recipe:
    """Reads a recipe from its text.

    Args:
        content: YAML.
        folder: where the people file and the refusal list are looked for; without it, a recipe with people must give
            its sha256 and samples.
        source: what errors call the recipe.
        sets: changes as of ``--set``, see `with_overrides`.
        samples: number of samples, in place of the text's.
        seed: seed, in place of the text's.

    Raises:
        RecipeError: the recipe is not well formed; one line a problem.
    """
    mapping = with_overrides(read_mapping(content, source=source), sets=sets, samples=samples, seed=seed)
    return recipe_from(mapping, folder=folder, source=source)


def recipe_from(mapping: Mapping[str, Any], *, folder: str | Path | None = None, source: str = "the recipe") -> Recipe:
    """Makes a recipe of plain data, as read from YAML or JSON; a field that holds nothing has its default.

    Raises:
        RecipeError: the recipe is not well formed; one line a problem.
    """
    given = {name: value for name, value in mapping.items() if value is not None}
    filled, problems = _with_people(given, folder)
    filled, more = _with_refused(filled, folder)
    return Recipe.validated(filled, source=source, problems=[*problems, *more])


def default_recipe(*, sets: Sequence[str] = (), samples: int | None = None, seed: int | None = None) -> Recipe:
    """Eight brains of the atlas backend, a cross-section of the population: what is made when nobody says what."""
    return parse_recipe(
        "name: brains\nsamples: 8\n", source="the default recipe", sets=sets, samples=samples, seed=seed
    )


def example_text() -> str:
    """A commented recipe to start from."""
    return (resources.files(__package__ or __name__) / "example_recipe.yaml").read_text(encoding="utf-8")


def load_people(recipe: Recipe, folder: str | Path) -> People | None:
    """Reads the people file of a recipe, None where it has none; the folder is that of the recipe.

    Raises:
        RecipeError: the file cannot be read, is no CSV, or is not the one that the recipe was read with.
    """
    if recipe.people is None:
        return None
    people = read_people(Path(folder) / recipe.people.path)
    recipe.people.check(people.sha256)
    return people


def load_refusals(recipe: Recipe, folder: str | Path) -> Refusals | None:
    """Reads the refusal list of a recipe, None where it has none; the folder is that of the recipe.

    Raises:
        RecipeError: the file cannot be read, is no such list, or is not the one that the recipe was read with.
    """
    if recipe.refused is None:
        return None
    refusals = read_refusals(Path(folder) / recipe.refused.path)
    recipe.refused.check(refusals.sha256)
    return refusals


def _with_people(given: dict[str, Any], folder: str | Path | None) -> tuple[dict[str, Any], list[str]]:
    """Reads the people file, and fills in its digest and, where nobody said how many, the number of samples."""
    raw = given.get("people")
    raw = {"path": raw} if isinstance(raw, str) else raw
    if not isinstance(raw, dict):
        return given, []
    given = given | {"people": raw}
    try:
        order = PeopleFile.model_validate({"sha256": "0" * 64} | raw)
    except ValidationError:
        # the fields are told with all others; the digest is not what is missing
        return given | {"people": {"sha256": "0" * 64} | raw}, []
    unread = {"samples": 1} | {name: value for name, value in given.items() if name != "people"}
    if folder is None:
        if "sha256" in raw:
            return given, []
        return unread, ["people: must be looked for in a folder, but the recipe was given as text: pass folder="]
    try:
        people = read_people(Path(folder) / order.path)
        if "sha256" in raw:
            order.check(people.sha256)
    except RecipeError as error:
        return unread, [f"{'' if str(error).startswith('people') else 'people: '}{error}"]
    return {"samples": people.rows} | given | {"people": {"path": order.path, "sha256": people.sha256}}, []


def _with_refused(given: dict[str, Any], folder: str | Path | None) -> tuple[dict[str, Any], list[str]]:
    """Reads the refusal list, and fills in its digest."""
    raw = given.get("refused")
    raw = {"path": raw} if isinstance(raw, str) else raw
    if not isinstance(raw, dict):
        return given, []
    filled = {"sha256": "0" * 64} | raw
    try:
        order = RefusedFile.model_validate(filled)
    except ValidationError:
        return given | {"refused": filled}, []
    unread = {name: value for name, value in given.items() if name != "refused"}
    if folder is None:
        if "sha256" in raw:
            return given | {"refused": raw}, []
        return unread, ["refused: must be looked for in a folder, but the recipe was given as text: pass folder="]
    try:
        refusals = read_refusals(Path(folder) / order.path)
        if "sha256" in raw:
            order.check(refusals.sha256)
    except RecipeError as error:
        return unread, [f"{'' if str(error).startswith('refused.sha256') else 'refused: '}{error}"]
    return given | {"refused": {"path": order.path, "sha256": refusals.sha256}}, []
