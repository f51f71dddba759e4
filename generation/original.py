"""The order that a data set was made from, as it is kept in it: recipe, people file and refusal list."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import RecipeError
from ..store.files import check_record
from .factory import PEOPLE_NAME, RECIPE_NAME, REFUSED_NAME
from .people import MAX_BYTES
from .recipe import parse_recipe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..store import Cohort
    from .recipe import Recipe

__all__ = ["original_order"]


@contextmanager
def original_order(cohort: Cohort) -> Iterator[tuple[Recipe, Path]]:
    """The recipe of a data set, and a folder with the files that it names for as long as this is entered.

    Args:
        cohort: of the data set, local or remote.

    Raises:
        RecipeError: the data set has no recipe that voxpress can follow, as one that was imported.
        CorruptError: the recipe or a file that it names is missing or damaged.
    """
    with tempfile.TemporaryDirectory(prefix="voxpress-order-") as folder:
        text = _read(cohort, RECIPE_NAME)
        for name in (PEOPLE_NAME, REFUSED_NAME):
            if name in cohort.manifest.files:
                (Path(folder) / name).write_bytes(_read(cohort, name))
        try:
            recipe = parse_recipe(text.decode(errors="replace"), folder=folder, source=f"the recipe of {cohort.url}")
        except RecipeError as error:
            msg = (
                f"{error}\nso this data set cannot be made again from its recipe; get what is missing from a copy of it"
            )
            raise RecipeError(msg) from None
        yield recipe, Path(folder)


def _read(cohort: Cohort, name: str) -> bytes:
    record = cohort.manifest.files.get(name)
    if record is None:
        msg = (
            f"the data set at {cohort.url} has no {name}, as it was not made by voxpress generate; "
            "get what is missing from a copy of it"
        )
        raise RecipeError(msg)
    data = bytes(cohort.store.source.read_all(name, most=min(record.bytes, MAX_BYTES)))
    check_record(data, name, record)
    return data
