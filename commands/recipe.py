"""`voxpress recipe`: a recipe checked, spelled out, and whom it orders."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from .columns import described
from .console import MistakeError, aligned, number, printable, size
from .ordering import ordered

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from ..generation.backend import Backend
    from ..generation.cohort import CohortPlan
    from ..generation.recipe import Recipe

__all__ = ["run"]

_FIRST_ROWS = 5


def run(asked: argparse.Namespace) -> int:
    """Prints an example, or the recipe with its cohort."""
    from ..generation.recipe import example_text

    if asked.example:
        if asked.recipe or asked.sets or asked.samples is not None or asked.seed is not None:
            msg = "--example prints a recipe to start from, and takes nothing else; save it, then change it with --set"
            raise MistakeError(msg)
        print(example_text(), end="")
        return 0
    from ..generation.cohort import draw_cohort
    from ..generation.recipe import load_people, load_refusals
    from ..generation.registry import load_backend

    recipe, folder = ordered(asked)
    backend = load_backend(recipe.backend.name, recipe.backend.options, recipe.grid)
    plan = draw_cohort(recipe, backend, load_people(recipe, folder), load_refusals(recipe, folder))
    print(recipe.to_yaml(), end="")
    for line in ["", *_summary(recipe, backend, plan), "", *_conditions(backend, plan), "", *_first(plan)]:
        print(f"# {printable(line)}".rstrip())
    return 0


def _summary(recipe: Recipe, backend: Backend, plan: CohortPlan) -> list[str]:
    splits = ", ".join(f"{name} {count:,}" for name, count in plan.slots.items())
    bytes_each = {"uint8": 1, "uint16": 2, "int16": 2}
    voxels = math.prod(recipe.image.shape)
    raw = sum(voxels * (bytes_each[recipe.image.dtype] if each.kind == "image" else 1) for each in backend.outputs)
    lines = [
        f"{plan.rows:,} samples: {splits}; {len(plan.shards()):,} shards",
        f"about {size(raw * plan.rows)} of voxels before compression, which leaves a fraction of it",
    ]
    if plan.ignored_columns:
        lines.append(f"no condition uses these columns of the people file: {', '.join(plan.ignored_columns)}")
    return lines


def _conditions(backend: Backend, plan: CohortPlan) -> list[str]:
    rows: list[Sequence[object]] = [("condition", "in this cohort", "unit", "meaning")]
    for condition in backend.conditions:
        drawn = described(plan.conditions[condition.name].tolist())
        rows.append((condition.name, drawn, condition.unit, condition.meaning))
    return aligned(rows)


def _first(plan: CohortPlan) -> list[str]:
    rows: list[Sequence[object]] = [("sample_id", "split", *plan.conditions)]
    for index in range(min(_FIRST_ROWS, plan.rows)):
        values = [_cell(value) for value in plan.order(index).conditions.values()]
        rows.append((plan.sample_id(index), plan.split_of(index), *values))
    return ["the first rows:", *aligned(rows)]


def _cell(value: Any) -> str:
    return number(value) if isinstance(value, float) else str(value)
