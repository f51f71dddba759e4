"""Holds every row against what the backend can make, and says which row it cannot and what it could instead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import UnreachableError
from .names import did_you_mean, listed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .backend import Condition, Known
    from .people import People

__all__ = ["Rows", "check_category", "check_number", "check_window", "reach"]

_GRID_SLACK = 1e-6
"""In units of the last decimal: 1.1·10 is 11.000000000000002, which must not round up to 12."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """What is known of the rows when one condition is drawn.

    Attributes:
        condition: the one being drawn.
        backend: name of the backend.
        count: number of rows.
        known: the conditions drawn before.
        people: the people file where the condition comes from it, for the lines in errors.
    """

    condition: Condition
    backend: str
    count: int
    known: Known
    people: People | None = None

    def unreachable(self, row: int, others: int, said: str) -> UnreachableError:
        """The error of the first row that cannot be made."""
        line = f" ({self.people.source} line {self.people.lines[row]})" if self.people else ""
        more = f"; nor can {others} of the other rows be made" if others else ""
        return UnreachableError(f"conditions.{self.condition.name}: row {row}{line} {said}{more}")

    def told(self, value: float) -> str:
        """A number with its unit, with as many decimals as are ordered."""
        number = f"{value:.{self.condition.decimals}f}" if np.isfinite(value) else ("∞" if value > 0 else "-∞")
        return f"{number} {self.condition.unit}".rstrip()

    def given(self, row: int) -> str:
        """The conditions of the row that were drawn before."""
        told = [f"{name} {values[row]}" for name, values in self.known.items()]
        return f" with {listed(told)}" if told else ""


def reach(rows: Rows) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The lowest and highest number that can be ordered in each row, on the grid of the condition's decimals."""
    condition = rows.condition
    lower = np.full(rows.count, -np.inf if condition.minimum is None else condition.minimum, dtype=np.float64)
    upper = np.full(rows.count, np.inf if condition.maximum is None else condition.maximum, dtype=np.float64)
    if condition.limits is not None:
        low, high = condition.limits(rows.known)
        lower, upper = np.maximum(lower, low), np.minimum(upper, high)
    scale = 10.0**condition.decimals
    return np.ceil(lower * scale - _GRID_SLACK) / scale, np.floor(upper * scale + _GRID_SLACK) / scale


def check_number(
    rows: Rows, values: NDArray[np.float64], lower: NDArray[np.float64], upper: NDArray[np.float64]
) -> None:
    """Holds numbers against their reach.

    Raises:
        UnreachableError: a row is outside.
    """
    wrong = np.flatnonzero(~((values >= lower) & (values <= upper)))
    if wrong.size:
        row = int(wrong[0])
        said = f"asks for {rows.told(values[row])}, but {_reached(rows, row, lower[row], upper[row])}"
        raise rows.unreachable(row, wrong.size - 1, said)


def check_window(
    rows: Rows,
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    lower: NDArray[np.float64],
    upper: NDArray[np.float64],
    *,
    log10: bool,
) -> None:
    """Checks that what the population formula predicts overlaps with what is in reach, both on the same scale.

    Raises:
        UnreachableError: a row has no overlap.
    """
    wrong = np.flatnonzero(~((np.maximum(low, lower) <= np.minimum(high, upper)) & (lower <= upper)))
    if wrong.size:
        row = int(wrong[0])
        ends = np.array([low[row], high[row], lower[row], upper[row]])
        first, last, lowest, highest = 10.0**ends if log10 else ends
        predicted = f"{rows.told(first)} to {rows.told(last)}"
        said = f"is {predicted} by the population formula, but {_reached(rows, row, lowest, highest)}"
        raise rows.unreachable(row, wrong.size - 1, said)


def check_category(rows: Rows, values: NDArray[Any]) -> None:
    """Holds categories against the choices.

    Raises:
        UnreachableError: a row asks for something else.
    """
    choices = rows.condition.choices
    wrong = np.flatnonzero(~np.isin(values, choices))
    if wrong.size:
        row = int(wrong[0])
        value = str(values[row])
        said = (
            f"asks for {value!r}, but the backend {rows.backend!r} makes {listed(choices)}"
            f"{did_you_mean(value, choices)}"
        )
        raise rows.unreachable(row, wrong.size - 1, said)


def _reached(rows: Rows, row: int, low: float, high: float) -> str:
    if not low <= high:
        return f"the backend {rows.backend!r} reaches nothing{rows.given(row)}; change those"
    return f"the backend {rows.backend!r} reaches {rows.told(low)} to {rows.told(high)}{rows.given(row)}"
