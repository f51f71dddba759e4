"""The recipe that a command line orders: a file or the default, with its changes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..generation.recipe import default_recipe, load_recipe

if TYPE_CHECKING:
    import argparse

    from ..generation.recipe import Recipe

__all__ = ["ordered", "preparing"]


def ordered(asked: argparse.Namespace) -> tuple[Recipe, Path]:
    """The recipe, and the folder of its people file.

    Raises:
        RecipeError: it is not well formed; one line a problem.
    """
    changes = {"sets": asked.sets, "samples": asked.samples, "seed": asked.seed}
    if asked.recipe is None:
        return default_recipe(**changes), Path()
    return load_recipe(asked.recipe, **changes), Path(asked.recipe).parent


def preparing(recipe: Recipe) -> str:
    """What is being done before the first sample."""
    first = ", whose first use takes 15 s longer to build its maps" if recipe.backend.name == "atlas" else ""
    return f"preparing {recipe.backend.name}{first}"
