"""Who is in which subgroup: sex, decade of age, diagnosis, thirds of a volume, and all of the first together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from .covariates import is_in_years

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .covariates import Covariate

__all__ = ["Group", "groups_of"]

_MOST_LABELS: Final = 20
_MOST_CROSSED: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Group:
    """Some of the samples that were planned.

    Attributes:
        name: for people, for example `sex F · age 70-79`.
        crossed: it is a cell of the grid of all categories and decades, not of one condition alone.
        rows: positions of its samples.
    """

    name: str
    crossed: bool
    rows: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Axis:
    labels: tuple[str, ...]
    codes: NDArray[np.int64]
    crosses: bool


def groups_of(covariates: Sequence[Covariate], *, ordered: int | None = None) -> tuple[Group, ...]:
    """The subgroups that have samples: those of each condition, then the cells of the grid.

    Words are taken as they are, numbers of years in decades, other numbers in thirds of what was ordered. Words and
    decades span the grid; thirds only stand alone, as every one more divides the cells again. Conditions that are the
    same for all, and words of more than twenty kinds, make no groups.

    Args:
        covariates: what was ordered of all samples that were planned.
        ordered: thirds are those of so many of the first rows; None for all.
    """
    axes = [axis for covariate in covariates if (axis := _axis(covariate, ordered)) is not None]
    crossing = [axis for axis in axes if axis.crosses][:_MOST_CROSSED]
    found = [group for axis in axes for group in _cells([axis], crossed=False)]
    return (*found, *(_cells(crossing, crossed=True) if len(crossing) > 1 else ()))


def _axis(covariate: Covariate, ordered: int | None) -> _Axis | None:
    if covariate.kind == "category":
        return _named(covariate.name, covariate.ordered, crosses=True)
    known = np.isfinite(covariate.ordered)
    if not known.any():
        return None
    if is_in_years(covariate):
        decades = np.where(known, np.floor(np.where(known, covariate.ordered, 0) / 10), -1).astype(np.int64)
        words = np.array([f"{10 * each}-{10 * each + 9}" if each >= 0 else "" for each in decades.tolist()])
        return _named(covariate.name, words, crosses=True)
    cut = covariate.ordered[:ordered][known[:ordered]]
    if not len(cut):
        return None
    low, high = np.quantile(cut, (1 / 3, 2 / 3))
    if not low < high:
        return None
    unit = f" {covariate.unit}" if covariate.unit else ""
    labels = tuple(
        f"{covariate.name} {text}{unit}"
        for text in (f"up to {low:.3g}", f"{low:.3g} to {high:.3g}", f"above {high:.3g}")
    )
    codes = np.where(known, np.searchsorted([low, high], covariate.ordered, side="left"), -1)
    return _Axis(labels=labels, codes=codes.astype(np.int64), crosses=False)


def _named(name: str, words: NDArray[np.str_], *, crosses: bool) -> _Axis | None:
    labels, codes = np.unique(words, return_inverse=True)
    if not 1 < len(labels) <= _MOST_LABELS:
        return None
    shown = tuple(f"{name} {label or 'unknown'}" for label in labels.tolist())
    return _Axis(labels=shown, codes=codes.astype(np.int64), crosses=crosses)


def _cells(axes: Sequence[_Axis], *, crossed: bool) -> list[Group]:
    """Groups with a sample, in the order of the labels."""
    cell = np.zeros(len(axes[0].codes), np.int64)
    outside = np.zeros(len(cell), bool)
    for axis in axes:
        cell = cell * len(axis.labels) + axis.codes
        outside |= axis.codes < 0
    rows = np.flatnonzero(~outside)
    rows = rows[np.argsort(cell[rows], kind="stable")]
    starts = np.flatnonzero(np.diff(cell[rows], prepend=-1))
    return [
        Group(
            name=" · ".join(axis.labels[axis.codes[members[0]]] for axis in axes),
            crossed=crossed,
            rows=np.sort(members),
        )
        for members in np.split(rows, starts[1:])
        if len(members)
    ]
