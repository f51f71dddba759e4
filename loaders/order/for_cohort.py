"""Orders of a cohort: what a user writes. The classes beside them do the same for plain arrays.

>>> from voxpress.loaders import order
>>> order.balanced(cohort, "diagnosis")                           # doctest: +SKIP
>>> order.shares(cohort, "diagnosis", {"AD": 0.5})                # doctest: +SKIP
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .bins import BINS, Curriculum
from .classes import Classes
from .draws import Weighted
from .listing import Listed
from .sequence import Sequential
from .shard_windows import WINDOW_SHARDS, ShuffledShards
from .shuffle import Shuffled
from .strata import Stratified

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pyarrow as pa
    from numpy.typing import ArrayLike, NDArray

    from ...store.cohort import Cohort

__all__ = [
    "balanced",
    "curriculum",
    "listed",
    "sequential",
    "shard_at",
    "shard_of_rows",
    "shares",
    "shuffled",
    "shuffled_shards",
    "stratified",
    "weighted",
]


def sequential(cohort: Cohort | int) -> Sequential:
    """Rows as they are in the cohort, in every epoch. The number of rows will do for the cohort."""
    return Sequential(cohort if isinstance(cohort, int) else len(cohort))


def shuffled(cohort: Cohort | int) -> Shuffled:
    """Each row once in an epoch, in a random sequence. The number of rows will do for the cohort."""
    return Shuffled(cohort if isinstance(cohort, int) else len(cohort))


def shuffled_shards(cohort: Cohort, *, window_shards: int = WINDOW_SHARDS) -> ShuffledShards:
    """Each row once in an epoch, random within windows of whole shards: for streams from afar.

    Args:
        cohort: whole or selected.
        window_shards: shards that are mixed, and held, at a time.
    """
    return ShuffledShards.of(shard_of_rows(cohort), window_shards)


def weighted(cohort: Cohort, weights: str | ArrayLike, *, samples: int | None = None) -> Weighted:
    """Rows drawn with replacement.

    Args:
        cohort: whole or selected.
        weights: a column of the table, or one number for each row.
        samples: draws in an epoch; None for as many as there are rows.

    Raises:
        ValueError: a weight is missing, negative or no number, or all are 0.
        KeyError: there is no such column.
    """
    values = _numbers(cohort, weights) if isinstance(weights, str) else np.asarray(weights, dtype=np.float64)
    if len(values) != len(cohort):
        msg = f"weights must be one for each of the {len(cohort)} rows of the cohort, got {len(values)}"
        raise ValueError(msg)
    return Weighted.of(values, samples)


def balanced(cohort: Cohort, column: str, *, samples: int | None = None) -> Weighted:
    """Rows drawn with replacement so that all values of a column are equally likely."""
    return Weighted.of(_classes(cohort, column).balancing_weights(), samples)


def shares(cohort: Cohort, column: str, parts: Mapping[Any, float], *, samples: int | None = None) -> Weighted:
    """Rows drawn with replacement so that some values of a column have the shares that are asked for.

    Args:
        cohort: whole or selected.
        column: strings, whole numbers or booleans.
        parts: value → its share, for example ``{"AD": 0.5}``; other values keep their proportions in the rest.
        samples: draws in an epoch; None for as many as there are rows.

    Raises:
        ValueError: a value does not occur, or the shares do not make a whole.
        KeyError: there is no such column.
    """
    return Weighted.of(_classes(cohort, column).sharing_weights(parts), samples)


def stratified(cohort: Cohort, column: str) -> Stratified:
    """Each row once in an epoch, the values of a column spread evenly."""
    return Stratified.of(_classes(cohort, column).codes)


def curriculum(cohort: Cohort, column: str, *, bins: int = BINS, descending: bool = False) -> Curriculum:
    """Each row once in an epoch, ascending by a column, shuffled inside bins of equal size."""
    return Curriculum.of(_numbers(cohort, column), bins=bins, descending=descending)


def listed(cohort: Cohort, function: Callable[[pa.Table, int, int], ArrayLike]) -> Listed:
    """Rows that a function lists for each epoch.

    Args:
        cohort: whole or selected.
        function: (table, seed, epoch) → rows of the table in sequence, equally many in every epoch. It must be a
            function of its arguments alone, and picklable where worker processes are spawned.
    """
    return Listed.of(_OfTable(cohort, function), len(cohort))


def shard_of_rows(cohort: Cohort) -> NDArray[np.int64]:
    """(n,) number of the shard of each row, counted through all splits; `shard_at` says which one it is."""
    where = cohort.locations
    firsts, sizes = _shard_numbers(cohort)
    return np.asarray(firsts[where.split] + where.slot // sizes[where.split], dtype=np.int64)


def shard_at(cohort: Cohort, number: int) -> tuple[str, int]:
    """Split of a shard, and its number in the arrays of that split."""
    firsts, _ = _shard_numbers(cohort)
    split = int(np.searchsorted(firsts, number, side="right")) - 1
    return cohort.locations.splits[split], int(number - firsts[split])


def _shard_numbers(cohort: Cohort) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each split, the number of its first shard, and the samples in its shards."""
    records = [cohort.manifest.splits[name] for name in cohort.locations.splits]
    sizes = np.array([record.shard_samples for record in records], dtype=np.int64)
    shards = np.array([-(-record.slots // record.shard_samples) for record in records], dtype=np.int64)
    # an empty split before another has the same first number, and a search to the right passes it
    return np.cumsum(shards) - shards, sizes


@dataclass(frozen=True, slots=True)
class _OfTable:
    cohort: Cohort
    function: Callable[[pa.Table, int, int], ArrayLike]

    def __call__(self, seed: int, epoch: int) -> ArrayLike:
        return self.function(self.cohort.table, seed, epoch)


def _column(cohort: Cohort, name: str) -> pa.ChunkedArray:
    table = cohort.table
    if name not in table.column_names:
        msg = f"there is no column {name!r}; the columns are {', '.join(table.column_names)}"
        raise KeyError(msg)
    column = table.column(name)
    if column.null_count:
        msg = (
            f"column {name!r} has no value in {column.null_count} of {len(column)} rows; "
            f"select the others: cohort.where({name + ' is not None'!r})"
        )
        raise ValueError(msg)
    return column


def _numbers(cohort: Cohort, name: str) -> NDArray[np.float64]:
    values = _column(cohort, name).to_numpy()
    if values.dtype.kind not in "biuf":
        msg = f"column {name!r} must hold numbers, and holds {values.dtype}"
        raise ValueError(msg)
    return np.asarray(values, dtype=np.float64)


def _classes(cohort: Cohort, name: str) -> Classes:
    # Arrow finds the few different values of ten million without making Python strings of them
    column = _column(cohort, name).dictionary_encode().combine_chunks()
    return Classes.of_encoded(column.dictionary.to_numpy(zero_copy_only=False), column.indices.to_numpy())
