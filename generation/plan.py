"""Which distribution each condition of a backend has, checked before anything is drawn.

The recipe's word comes first, then a column of the people file of the condition's name, then the backend's default.
What no draw is needed to see (an unknown name, a value of the wrong kind, a range beyond the backend's limits) is
told here, all at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from ..errors import UnreachableError
from .distributions import Choice, Column, Distribution, Fixed, Normal, Population, Uniform
from .fields import shown
from .names import did_you_mean, listed
from .overrides import FIELDS
from .problems import lines_of, recipe_error

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .backend import Backend, Condition
    from .people import People
    from .recipe_types import Recipe

__all__ = ["parse_distribution", "resolve_conditions"]

_ADAPTER: TypeAdapter[Any] = TypeAdapter(Distribution)


def parse_distribution(raw: Any, *, path: str) -> Any:
    """Reads one distribution as written in a recipe; a distribution is returned as it is.

    Raises:
        RecipeError: it is not well formed.
    """
    try:
        return _ADAPTER.validate_python(raw)
    except ValidationError as error:
        lines = [
            f"{path}.{line}".replace(".: ", ": ") for line in lines_of(error, lambda _: tuple(Normal.model_fields))
        ]
        raise recipe_error(path, lines) from None


def resolve_conditions(recipe: Recipe, backend: Backend, people: People | None) -> Mapping[str, Any]:
    """The distribution of every condition, in the order in which the backend declares them.

    Raises:
        RecipeError: a condition is unknown, or what is said of one does not fit its kind; one line a problem.
        UnreachableError: all problems are values that the backend cannot make.
    """
    wrong = list(_unknown(recipe, backend))
    unreachable: list[str] = []
    resolved = {}
    for condition in backend.conditions:
        path = f"conditions.{condition.name}"
        resolved[condition.name] = distribution = _distribution(condition, recipe, people)
        wrong += [f"{path}{line}" for line in _misfits(condition, distribution, people, backend.name)]
        unreachable += [f"{path}{line}" for line in _beyond(condition, distribution, backend.name)]
    if wrong:
        raise recipe_error("the recipe", [*wrong, *unreachable])
    if unreachable:
        raise UnreachableError(str(recipe_error("the recipe", unreachable)))
    return resolved


def _unknown(recipe: Recipe, backend: Backend) -> Iterator[str]:
    names = [condition.name for condition in backend.conditions]
    for name in recipe.conditions:
        if name not in names:
            hint = did_you_mean(name, names) or did_you_mean(name, FIELDS)
            known = f"the backend {backend.name!r}, which has {listed(names)}"
            yield f"conditions.{name}: is not a condition of {known}{hint}"


def _distribution(condition: Condition, recipe: Recipe, people: People | None) -> Any:
    if condition.name in recipe.conditions:
        return recipe.conditions[condition.name]
    if people is not None and condition.name in people.columns:
        return Column(column=condition.name)
    return parse_distribution(condition.default, path=f"conditions.{condition.name}")


def _misfits(condition: Condition, distribution: Any, people: People | None, backend: str) -> Iterator[str]:
    """What does not fit the kind of the condition."""
    kind = _kind(condition)
    match distribution:
        case Fixed(value=value):
            yield from _wrong_kind(condition, "", value)
        case Choice(options=options):
            for value, _ in options:
                yield from _wrong_kind(condition, ".choice", value)
        case Uniform() | Normal() if condition.kind == "category":
            form, said = next(iter(distribution.to_plain().items()))
            yield f".{form}: must be {kind}, got the numbers {shown(said)}"
        case Population() if condition.population is None:
            yield f": must be {kind}, got population, for which the backend {backend!r} has no formula"
        case Column(column=column) if people is None:
            yield f".column: must be a column of the people file, got {column!r}, but the recipe has no people"
        case Column(column=column) if people is not None and column not in people.columns:
            hint = did_you_mean(column, people.columns)
            yield f".column: must be a column of {people.source}, got {column!r}; it has {listed(people.columns)}{hint}"
        case _:
            pass


def _wrong_kind(condition: Condition, part: str, value: float | str) -> Iterator[str]:
    if isinstance(value, str) != (condition.kind == "category"):
        yield f"{part}: must be {_kind(condition)}, got {shown(value)}"


def _kind(condition: Condition) -> str:
    if condition.kind == "category":
        return f"one of {listed(condition.choices)}, or a choice of them"
    unit = f" ({condition.unit})" if condition.unit else ""
    return f"a number{unit} or a distribution of numbers"


def _beyond(condition: Condition, distribution: Any, backend: str) -> Iterator[str]:
    """What lies outside the hard limits or the choices, whatever is drawn."""
    for part, value in _extremes(distribution):
        if isinstance(value, str) and condition.kind == "category" and value not in condition.choices:
            hint = did_you_mean(value, condition.choices)
            yield f"{part}: must be one of {listed(condition.choices)}, got {value!r}{hint}"
        elif isinstance(value, float) and condition.kind == "number":
            low, high = condition.minimum, condition.maximum
            if (low is not None and value < low) or (high is not None and value > high):
                unit = f" {condition.unit}" if condition.unit else ""
                yield f"{part}: must be within {_span(low, high)}{unit} for the backend {backend!r}, got {value:g}"


def _extremes(distribution: Any) -> list[tuple[str, float | str]]:
    match distribution:
        case Fixed(value=value):
            return [("", value)]
        case Choice(options=options):
            return [(".choice", value) for value, weight in options if weight > 0]
        case Uniform(low=low, high=high):
            return [(".range", low), (".range", high)]
        case Normal(min=low, max=high):
            bounds = ((".normal.min", low), (".normal.max", high))
            return [(part, bound) for part, bound in bounds if bound is not None]
        case _:
            return []


def _span(low: float | None, high: float | None) -> str:
    return f"{'-∞' if low is None else f'{low:g}'} to {'∞' if high is None else f'{high:g}'}"
