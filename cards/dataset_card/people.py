"""Sections of a card about conditions: what could be ordered, what was, and what the volumes show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..charts.axes import shown
from ..markdown import table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...generation.backend import Condition, Measure
    from .facts import CardFacts, Counts, Spread

__all__ = ["conditions"]

_MOST_VALUES = 12


def conditions(facts: CardFacts) -> str:
    """Conditions and measures with their meaning, then how they are spread; empty where there are none."""
    parts = [*_declared(facts.conditions, facts.measures), *_spread(facts.spreads), *_counted(facts.counts)]
    if facts.people:
        parts += ["### Who is in it", table(facts.people[0], facts.people[1:])]
    return "\n\n".join(parts)


def _declared(declared: Sequence[Condition], measures: Sequence[Measure]) -> list[str]:
    parts = []
    if declared:
        rows = [(each.name, each.unit or "", _range(each), each.meaning) for each in declared]
        parts += ["### Conditions: what was ordered", table(("column", "unit", "can be", "meaning"), rows)]
    if measures:
        measured = [(f"measured_{each.name}", each.unit or "", each.meaning) for each in measures]
        parts += ["### Measures: what the volumes show", table(("column", "unit", "meaning"), measured)]
    return parts


def _range(condition: Condition) -> str:
    if condition.kind == "category":
        return ", ".join(condition.choices)
    ends = ["" if end is None else f"{end:g}" for end in (condition.minimum, condition.maximum)]
    return " to ".join(ends) if any(ends) else ""


def _spread(spreads: Sequence[Spread]) -> list[str]:
    if not spreads:
        return []
    head = ("condition", "unit", "ordered: min, mean, max", "measured: min, mean, max", "mean error", "bias")
    note = "Mean error is the mean absolute difference of measured and ordered, bias the mean difference."
    return ["### Ordered and measured", f"{note}\n\n{table(head, map(_spread_row, spreads))}"]


def _spread_row(spread: Spread) -> tuple[str, ...]:
    measured = "not measured" if spread.measured is None else ", ".join(map(shown, spread.measured))
    errors = ("" if each is None else shown(each) for each in (spread.mae, spread.bias))
    return spread.name, spread.unit, ", ".join(map(shown, spread.ordered)), measured, *errors


def _counted(counts: Sequence[Counts]) -> list[str]:
    rows = [(each.name, _line(list(each.counts.items()))) for each in counts]
    return [table(("condition", "samples"), rows)] if rows else []


def _line(values: Sequence[tuple[str, int]]) -> str:
    told = ", ".join(f"{value} {count:,}" for value, count in values[:_MOST_VALUES])
    return told + (f" and {len(values) - _MOST_VALUES} more values" if len(values) > _MOST_VALUES else "")
