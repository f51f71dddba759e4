"""Units and meanings of the columns of a table, for people who read it elsewhere."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from ...errors import VoxpressError
from ...store.rows import MEASURED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ...store import Cohort

__all__ = ["columns_json", "told_by_backend"]

_UNITS: Final = {"ml": "mL", "mm": "mm", "years": "year", "s": "s", "ms": "ms", "kg": "kg"}
"""Units as backends spell them → as BIDS does."""


def told_by_backend(cohort: Cohort) -> dict[str, tuple[str, str]]:
    """Column → unit and meaning, as the backend tells that made the data set; nothing where it cannot be asked."""
    from ...generation.original import original_order
    from ...generation.registry import load_backend

    try:
        with original_order(cohort) as (recipe, _):
            backend = load_backend(recipe.backend.name, recipe.backend.options, recipe.grid)
            conditions = {each.name: (each.unit, each.meaning) for each in backend.conditions}
            measures = {f"{MEASURED}{each.name}": (each.unit, each.meaning) for each in backend.measures}
    except VoxpressError:
        return {}
    return conditions | measures


def columns_json(
    columns: Mapping[str, Sequence[Any]], told: Mapping[str, tuple[str, str]], *, synthetic: bool
) -> dict[str, Any]:
    """What `participants.json` says of each column. Pure.

    Args:
        columns: name → its values.
        told: name → unit and meaning, as far as they are known.
        synthetic: whether the samples show no real person.
    """
    describe = partial(_described, told=told, synthetic=synthetic)
    return {name: describe(name, values) for name, values in columns.items()}


def _described(
    name: str, values: Sequence[Any], *, told: Mapping[str, tuple[str, str]], synthetic: bool
) -> dict[str, Any]:
    unit, meaning = told.get(name, ("", ""))
    fixed = {
        "participant_id": "Label of the participant in this data set",
        "session_id": "Label of the session in this data set",
        "sample_id": "Id of the sample in the voxpress data set",
        "split": "Part of the data set that the sample belongs to",
        "is_synthetic": "Whether the sample shows no real person",
    }
    if name in fixed:
        return {"Description": fixed[name]}
    what = "measured in the volume" if name.startswith(MEASURED) else "ordered" if synthetic else "as imported"
    text = f"{meaning or name.removeprefix(MEASURED).replace('_', ' ')} ({what})"
    unit = unit or (name.rpartition("_")[2] if name.rpartition("_")[2] in _UNITS else "")
    words = sorted({value for value in values if isinstance(value, str)})
    return {
        "Description": text,
        **({"Units": _UNITS.get(unit, unit)} if unit else {}),
        **({"Levels": {word: word for word in words}} if words and len(words) <= 20 else {}),
    }
