"""What was refused on the way to a data set: how often, why, and of whom."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..reject_table import UNRECORDED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["Refusals", "refusals_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusals:
    """Attempts that were refused.

    Attributes:
        attempts: sample id → how many attempts at it were refused; ids without one are not here.
        reasons: reason code → how many attempts had it; an attempt may have several.
        holes: `sample_id` and conditions of the samples that were planned and are not there; None if not known.
    """

    attempts: Mapping[str, int]
    reasons: Mapping[str, int]
    holes: pa.Table | None = None

    @property
    def total(self) -> int:
        """Of all samples."""
        return sum(self.attempts.values())

    def counts(self, sample_ids: Sequence[str]) -> NDArray[np.int64]:
        """One number for each of some samples."""
        return np.array([self.attempts.get(name, 0) for name in sample_ids], np.int64)


def refusals_of(attempts: pa.Table, gone: Sequence[str], conditions: Sequence[str]) -> Refusals:
    """Counts refused attempts. Pure.

    Args:
        attempts: as `quality.rejects.attempts_of` gives them; reasons that are null count as `UNRECORDED`.
        gone: ids of the samples that were planned and are not there.
        conditions: columns that say what was ordered.
    """
    ids = attempts["sample_id"].to_pylist()
    codes = Counter(code for reasons in attempts["reasons"].to_pylist() for code in reasons or [UNRECORDED])
    return Refusals(
        attempts=dict(Counter(ids)),
        reasons=dict(sorted(codes.items())),
        holes=_holes(attempts, ids, gone, conditions),
    )


def _holes(attempts: pa.Table, ids: Sequence[str], gone: Sequence[str], conditions: Sequence[str]) -> pa.Table | None:
    """What was ordered of the samples that are not there, if it is told of all of them."""
    first = {name: row for row, name in reversed(list(enumerate(ids)))}
    if not set(conditions) <= set(attempts.column_names) or not set(gone) <= first.keys():
        return None
    holes = attempts.take(np.array([first[name] for name in gone], np.int64)).select(["sample_id", *conditions])
    # of a hole that the record does not tell of, nothing is known but its id
    return None if any(column.null_count for column in holes.columns) else holes
