"""Which samples a report shows: the one in the middle, and those that stand out most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ..pages import data_url
from ..preview import preview_cohort

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from ...store.cohort import Cohort

__all__ = ["Choice", "Shown", "choose", "draw", "figures_of"]

_WORST: Final = 3
_MAD_TO_SD: Final = 1.4826
"""Of a normal distribution: standard deviation by median absolute deviation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Pictures of samples in a page.

    Attributes:
        title: what they are examples of.
        why: how they were chosen.
        alt: what is seen, in words.
        url: the picture itself.
    """

    title: str
    why: str
    alt: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Rows of a cohort.

    Attributes:
        median: the row nearest the middle in all figures.
        worst: rows that stand out, the furthest first.
        why: row → the figure in which it stands out, and how far.
    """

    median: int
    worst: tuple[int, ...]
    why: Mapping[int, str]


def choose(figures: Mapping[str, NDArray[np.float64]], refused: Sequence[int] = ()) -> Choice | None:
    """The row in the middle and the worst ones, by robust deviations (distance from the median by scaled MAD).

    Args:
        figures: name → one value a row; NaN where there is none.
        refused: rows that a check refused, which come first.

    Returns:
        None where there is nothing to go by.
    """
    scored = {name: _deviations(values) for name, values in figures.items() if len(values)}
    scored = {name: values for name, values in scored.items() if np.isfinite(values).any()}
    if not scored:
        return None
    names = list(scored)
    table = np.nan_to_num(np.stack([scored[name] for name in names]), nan=0.0)
    furthest = table.max(axis=0)
    furthest[list(refused)] = np.inf
    order = np.argsort(-furthest, kind="stable")
    worst = tuple(int(row) for row in order[: min(_WORST, len(order) - 1)])
    median = int(np.argmin(np.where(np.isinf(furthest), np.inf, table.sum(axis=0))))
    place = table.argmax(axis=0)
    why = {row: f"{names[place[row]]}, {table[place[row], row]:.1f} robust standard deviations" for row in worst}
    return Choice(median=median, worst=tuple(row for row in worst if row != median), why=why)


def draw(cohort: Cohort, choice: Choice) -> list[Shown]:
    """The pictures of a choice."""
    ids = cohort.columns(["sample_id"])["sample_id"].to_pylist()
    shown = [
        Shown(
            title="The sample in the middle",
            why=f"{ids[choice.median]}: over all figures of the checks, the least unusual of {len(cohort):,} samples.",
            alt=f"Axial, coronal and sagittal plane of sample {ids[choice.median]}.",
            url=_picture(cohort, [choice.median]),
        )
    ]
    if choice.worst:
        told = "; ".join(f"{ids[row]}: {choice.why[row]}" for row in choice.worst if row in choice.why)
        names = ", ".join(ids[row] for row in choice.worst)
        shown.append(
            Shown(
                title="The samples that stand out most",
                why=f"{told}. To stand out is no fault by itself; look whether the anatomy is right.",
                alt=f"Axial, coronal and sagittal planes of the samples {names}.",
                url=_picture(cohort, choice.worst),
            )
        )
    return shown


def figures_of(table: pa.Table) -> dict[str, NDArray[np.float64]]:
    """Every column of numbers."""
    import pyarrow as pa

    return {
        field.name: np.asarray(table[field.name].to_numpy(), dtype=np.float64)
        for field in table.schema
        if pa.types.is_floating(field.type)
    }


def _deviations(values: NDArray[Any]) -> NDArray[np.float64]:
    values = values.astype(np.float64)
    if not np.isfinite(values).any():
        return np.full(len(values), np.nan)
    middle = np.nanmedian(values)
    spread = _MAD_TO_SD * np.nanmedian(np.abs(values - middle))
    return np.abs(values - middle) / spread if spread > 0 else np.zeros(len(values))


def _picture(cohort: Cohort, rows: Sequence[int]) -> str:
    return data_url(preview_cohort(cohort, rows, columns=1, panel_height=200), form="JPEG", quality=85)
