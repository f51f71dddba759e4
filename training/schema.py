"""From columns of a table to the conditions of a model: what each means, its range, and the vector of a row. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ..errors import RecipeError
from ..generation.backends.diffusion.conditioning import flagged
from ..generation.backends.diffusion.model_card import ConditionCard
from ..generation.names import did_you_mean, listed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["condition_cards", "condition_vectors", "known_value"]

_MOST_CHOICES = 32
_LEAST_KNOWN = 8
"""Rows that must have a value: a range of fewer says nothing."""
_MISSING: Final = frozenset({"", "n/a", "na", "nan", "none", "null", "unknown"})
_UNITS: Final = {"_ml": "ml", "_mm": "mm", "_mm3": "mm³", "_years": "years", "age": "years"}


def condition_cards(table: pa.Table, names: Sequence[str] | None) -> tuple[ConditionCard, ...]:
    """The conditions of a model, from the rows that it is trained on.

    Numbers reach from the least to the largest value; categories have the values that occur. What is missing in a row
    is no condition there, which the network is told.

    Args:
        table: columns of the training subjects.
        names: columns to take; None for all that vary and are no names of subjects.

    Raises:
        RecipeError: no such column, one that does not vary, or a category with too many values.
    """
    if names is None:
        found = [_card(name, table) for name in table.column_names]
        cards = tuple(each for each in found if not isinstance(each, str))
        if not cards:
            msg = (
                "the table has no column that varies between subjects, so there is nothing to condition on: "
                f"{'; '.join(str(each) for each in found) or 'it has no column'}; give a table with --table"
            )
            raise RecipeError(msg)
        return cards
    if unknown := [name for name in names if name not in table.column_names]:
        msg = (
            f"--conditions: there is no column {unknown[0]!r}; the columns are {listed(table.column_names)}"
            f"{did_you_mean(unknown[0], table.column_names)}"
        )
        raise RecipeError(msg)
    chosen = [_card(name, table) for name in dict.fromkeys(names)]
    if refused := [each for each in chosen if isinstance(each, str)]:
        raise RecipeError("--conditions: " + "; ".join(refused))
    return tuple(each for each in chosen if not isinstance(each, str))


def condition_vectors(table: pa.Table, cards: Sequence[ConditionCard]) -> NDArray[np.float32]:
    """What the network is given for each row, `(rows, model_card.vector_length(cards))`; missing values as zeros.

    Args:
        table: rows, with the columns of all cards.
        cards: from `condition_cards`.
    """
    columns = {card.name: [known_value(card, value) for value in table[card.name].to_pylist()] for card in cards}
    rows = [{name: values[row] for name, values in columns.items()} for row in range(table.num_rows)]
    return np.array([flagged(cards, row) for row in rows], dtype=np.float32)


def known_value(card: ConditionCard, value: Any) -> float | str | None:
    """A cell of a condition's column; None where it says nothing, or a word that is none of the choices."""
    if card.kind == "category":
        word = _word(value)
        return word if word in card.choices else None
    number = np.nan if value is None else float(value)
    return number if np.isfinite(number) else None


def _card(name: str, table: pa.Table) -> ConditionCard | str:
    """The card of a column, or why it can have none."""
    values = table[name].to_pylist()
    if all(value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in values):
        return _number_card(name, _numbers(values))
    return _category_card(name, values)


def _number_card(name: str, numbers: NDArray[np.float64]) -> ConditionCard | str:
    known = numbers[np.isfinite(numbers)]
    if len(known) < _LEAST_KNOWN:
        return f"column {name!r} has {len(known)} values, which is too few to learn from (at least {_LEAST_KNOWN})"
    low, high = float(known.min()), float(known.max())
    if not low < high:
        return f"column {name!r} has the same value {low:g} in all rows"
    decimals = int(np.clip(3 - np.floor(np.log10(high - low)), 0, 6))
    mean, sd = float(known.mean()), float(known.std())
    return ConditionCard(
        name=name,
        kind="number",
        meaning=f"Column {name} of the training data; from {low:g} to {high:g} there",
        unit=next((unit for ending, unit in _UNITS.items() if name.endswith(ending)), ""),
        low=low,
        high=high,
        decimals=decimals,
        default={"normal": _rounded({"mean": mean, "sd": sd, "min": low, "max": high}, decimals)},
    )


def _category_card(name: str, values: Sequence[Any]) -> ConditionCard | str:
    words = [word for value in values if (word := _word(value)) is not None]
    choices, counts = np.unique(words, return_counts=True)
    if len(choices) < 2:
        return f"column {name!r} has the same value in all rows" if len(choices) else f"column {name!r} is empty"
    if len(choices) > _MOST_CHOICES:
        return f"column {name!r} has {len(choices)} different words, more than {_MOST_CHOICES}: no category"
    shares = {str(choice): round(float(count) / len(words), 4) for choice, count in zip(choices, counts, strict=True)}
    return ConditionCard(
        name=name,
        kind="category",
        meaning=f"Column {name} of the training data",
        choices={choice: float(place) for place, choice in enumerate(shares)},
        default={"choice": shares},
    )


def _numbers(values: Sequence[Any]) -> NDArray[np.float64]:
    return np.array([np.nan if value is None else float(value) for value in values], dtype=np.float64)


def _word(value: Any) -> str | None:
    text = str(value).strip() if value is not None else ""
    return None if text.lower() in _MISSING else text


def _rounded(fields: Mapping[str, float], decimals: int) -> dict[str, float]:
    """Ends are rounded inwards, so that what is drawn is never outside."""
    step = 10.0**-decimals
    inward = {"min": np.ceil(fields["min"] / step) * step, "max": np.floor(fields["max"] / step) * step}
    return {name: round(float(inward.get(name, value)), decimals) for name, value in fields.items()}
