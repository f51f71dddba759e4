"""Turns what pydantic found wrong into one line a problem: the field's path, what it must be, what it got."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import RecipeError
from .fields import shown
from .names import did_you_mean, listed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pydantic import ValidationError

__all__ = ["lines_of", "recipe_error"]


def recipe_error(source: str, lines: Sequence[str]) -> RecipeError:
    """One error that tells all problems of a recipe, one line each."""
    many = "1 problem" if len(lines) == 1 else f"{len(lines)} problems"
    return RecipeError("\n  ".join([f"{source} has {many}:", *lines]))


def lines_of(error: ValidationError, fields_at: Callable[[str], Sequence[str]]) -> list[str]:
    """The problems of a validation, in the order of the fields.

    Args:
        error: what pydantic raised.
        fields_at: the names of the fields that the mapping at a path may have, for the nearest of them.
    """
    return [_line(problem, fields_at) for problem in error.errors(include_url=False)]


def _line(problem: Mapping[str, Any], fields_at: Callable[[str], Sequence[str]]) -> str:
    # left out: tags of a union that are no words of the recipe, and pydantic's mark of a mapping's key
    parts = [str(part) for part in problem["loc"] if not str(part).startswith(("<", "[key"))]
    path = ".".join(parts)
    got = shown(problem["input"])
    match problem["type"]:
        case "must_be":
            context = problem["ctx"]
            said = f"must be {context['must']}, got {context['got']}{context['hint']}"
        case "extra_forbidden":
            names = fields_at(".".join(parts[:-1]))
            said = f"is not a field here, which are {listed(names)}{did_you_mean(parts[-1], names)}"
        case "missing":
            said = "must be given"
        case "model_type" | "dict_type" | "mapping_type":
            said = f"must be a mapping of names to values, got {got}"
        case _:
            said = f"{problem['msg']}, got {got}"
    return f"{path}: {said}"
