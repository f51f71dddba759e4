"""Who of the real people is like whom of the data set: the same subgroups of both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..sets.subgroups import Subgroup
from .covariates import Covariate, covariates_of, real_covariates
from .groups import groups_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

__all__ = ["groups_alike"]


def groups_alike(
    table: pa.Table, people: pa.Table, conditions: Sequence[str], units: Mapping[str, str] | None = None
) -> list[Subgroup]:
    """The subgroups of a data set, each with the real people who belong to it. Pure.

    Args:
        table: rows of the data set.
        people: rows of the reference; conditions that it lacks make no subgroups.
        conditions: columns that say what was ordered.
        units: condition → unit.

    Returns:
        those that have samples and people; none where the two share no condition.
    """
    ordered = covariates_of(table, conditions, units)
    real = {each.name: each for each in real_covariates(ordered, people, units)}
    both = [_joined(each, real[each.name]) for each in ordered if each.name in real]
    found = []
    for group in groups_of(both, ordered=table.num_rows):
        ours = group.rows < table.num_rows
        if ours.any() and not ours.all():
            theirs = group.rows[~ours] - table.num_rows
            found.append(Subgroup(name=group.name, synthetic=group.rows[ours], reference=theirs))
    return found


def _joined(ordered: Covariate, real: Covariate) -> Covariate:
    values = np.concatenate([ordered.ordered, real.ordered])
    return Covariate(name=ordered.name, kind=ordered.kind, unit=ordered.unit, ordered=values)
