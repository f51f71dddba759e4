"""What differs between two nestings of mappings, by dotted names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["FieldChange", "field_changes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """A field that is not the same in both.

    Attributes:
        name: dotted, for example ``conditions.age.range``.
        old, new: what it holds in each; None where it is not there.
    """

    name: str
    old: Any
    new: Any


def field_changes(
    old: Mapping[Any, Any], new: Mapping[Any, Any], name: str = "", *, ordered: bool = False
) -> tuple[FieldChange, ...]:
    """The fields that differ, in the order of the old mapping and then of the new.

    Two filled mappings without a common field are told of as a whole: a range that becomes a normal distribution is one
    change.

    Args:
        old: anything in it that is no mapping is one value.
        new: as `old`.
        name: of the two, put before the names in them.
        ordered: whether the same fields in another order are a change of its own, as the order of splits and choices in
            a recipe decides which samples are made.

    >>> field_changes({"seed": 1, "age": {"range": [60, 70]}}, {"seed": 1, "age": {"range": [60, 75]}})
    (FieldChange(name='age.range', old=[60, 70], new=[60, 75]),)
    """
    changes: list[FieldChange] = []
    for key in dict.fromkeys((*old, *new)):
        inner = f"{name}.{key}".lstrip(".")
        before, after = old.get(key), new.get(key)
        if isinstance(before, Mapping) and isinstance(after, Mapping) and _comparable(before, after):
            changes += field_changes(before, after, inner, ordered=ordered)
        elif before != after:
            changes.append(FieldChange(name=inner, old=before, new=after))
    if ordered and old.keys() == new.keys() and list(old) != list(new):
        changes.append(FieldChange(name=f"{name} (order)".lstrip(), old=list(old), new=list(new)))
    return tuple(changes)


def _comparable(old: Mapping[Any, Any], new: Mapping[Any, Any]) -> bool:
    return not old or not new or bool(old.keys() & new.keys())
