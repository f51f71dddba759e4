"""Draws the conditions of every row, one after another, and checks each against what the backend can make."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from .distributions import Choice, Column, Fixed, Normal, Population, Uniform
from .quantiles import truncated_normal, uniform, weighted
from .reach import Rows, check_category, check_number, check_window, reach
from .streams import uniforms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from .backend import Backend
    from .people import People
    from .recipe_types import Recipe

__all__ = ["POPULATION_SD", "draw_conditions"]

POPULATION_SD = 2.5
"""Population formulas are cut here: 98.8 % of people, without the few that no backend makes well."""


def draw_conditions(
    recipe: Recipe, backend: Backend, distributions: Mapping[str, Any], people: People | None
) -> dict[str, NDArray[Any]]:
    """One array a condition, float64 or str, in the order in which the backend declares them; read-only.

    Raises:
        RecipeError: a column of the people file holds what is no number, or nothing.
        UnreachableError: the backend cannot make a row.
    """
    known: dict[str, NDArray[Any]] = {}
    for condition in backend.conditions:
        distribution = distributions[condition.name]
        rows = Rows(
            condition=condition,
            backend=backend.name,
            count=recipe.samples,
            known=MappingProxyType(known),
            people=people if isinstance(distribution, Column) else None,
        )
        draw = _category if condition.kind == "category" else _number
        values = draw(distribution, recipe, people, rows)
        values.setflags(write=False)
        known[condition.name] = values
    return known


def _category(distribution: Any, recipe: Recipe, people: People | None, rows: Rows) -> NDArray[Any]:
    match distribution:
        case Fixed(value=value):
            values = np.full(rows.count, np.str_(value))
        case Choice(options=options):
            u = _uniforms(recipe, rows)
            values = weighted(u, [value for value, _ in options], [weight for _, weight in options])
        case Column(column=column):
            assert people is not None
            values = people.texts(column, rows.count)
        case _:
            raise AssertionError(distribution)
    check_category(rows, values)
    return values


def _number(distribution: Any, recipe: Recipe, people: People | None, rows: Rows) -> NDArray[Any]:
    lower, upper = reach(rows)
    match distribution:
        case Population():
            values = _population(_uniforms(recipe, rows), rows, lower, upper)
        case Column(column=column):
            assert people is not None
            values = people.numbers(column, rows.count)
        case Fixed(value=value):
            values = np.full(rows.count, value, dtype=np.float64)
        case _:
            values = _drawn(distribution, _uniforms(recipe, rows))
    values = np.round(values, rows.condition.decimals) + 0.0
    check_number(rows, values, lower, upper)
    return values


def _drawn(distribution: Any, u: NDArray[np.float64]) -> NDArray[np.float64]:
    match distribution:
        case Choice(options=options):
            values = [float(value) for value, _ in options]
            return weighted(u, values, [weight for _, weight in options])
        case Uniform(low=low, high=high):
            return uniform(u, low, high)
        case Normal(mean=mean, sd=sd, min=low, max=high):
            bounds = (-np.inf if low is None else low, np.inf if high is None else high)
            return truncated_normal(u, mean, sd, *bounds)
        case _:
            raise AssertionError(distribution)


def _population(
    u: NDArray[np.float64], rows: Rows, lower: NDArray[np.float64], upper: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The formula's normal distribution, cut at `POPULATION_SD` and at what the backend reaches."""
    formula = rows.condition.population
    assert formula is not None
    predicted = formula(rows.known)
    mean = np.broadcast_to(predicted.mean, u.shape)
    half = np.broadcast_to(POPULATION_SD * np.asarray(predicted.sd), u.shape)
    if predicted.log10:
        with np.errstate(divide="ignore"):
            lower, upper = np.log10(np.maximum(lower, 0)), np.log10(np.maximum(upper, 0))
    check_window(rows, mean - half, mean + half, lower, upper, log10=predicted.log10)
    low, high = np.maximum(mean - half, lower), np.minimum(mean + half, upper)
    values = truncated_normal(u, mean, predicted.sd, low, high)
    return np.power(10.0, values) if predicted.log10 else values


def _uniforms(recipe: Recipe, rows: Rows) -> NDArray[np.float64]:
    return uniforms(recipe.seed, f"condition/{rows.condition.name}", rows.count)
