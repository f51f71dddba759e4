"""Which rows of two tables are of the same sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

from ...errors import FormatError

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["Joined", "join"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Joined:
    """Rows of two tables, by position.

    Attributes:
        removed: of the old table, that the new one does not have, in their order there.
        added: of the new table, that the old one does not have, in their order there.
        old, new: of each table, of the samples that both have, in the order of the new one.
    """

    removed: NDArray[np.int64]
    added: NDArray[np.int64]
    old: NDArray[np.int64]
    new: NDArray[np.int64]


def join(old: pa.Array, new: pa.Array) -> Joined:
    """Pair the rows of two tables by their ids.

    Args:
        old: the column `sample_id` of the old table.
        new: that of the new one.

    Raises:
        FormatError: an id is there twice, or missing.
    """
    for ids in (old, new):
        if ids.null_count or pc.count_distinct(ids, mode="all").as_py() != len(ids):
            msg = "a table has a sample_id twice, or one is missing; get the data set again from its source"
            raise FormatError(msg)
    place = pc.fill_null(pc.index_in(new, value_set=old), -1).to_numpy().astype(np.int64)
    common = np.flatnonzero(place >= 0)
    kept = np.zeros(len(old), dtype=np.bool_)
    kept[place[common]] = True
    return Joined(removed=np.flatnonzero(~kept), added=np.flatnonzero(place < 0), old=place[common], new=common)
