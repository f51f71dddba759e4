"""The samples of a data set that somebody names: by index or id, by split, by what is true for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import QueryError
from .names import listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..store import Cohort

__all__ = ["chosen"]

_MOST_NAMED = 5


def chosen(
    cohort: Cohort, samples: Sequence[int | str] | None = None, *, split: str | None = None, where: str | None = None
) -> Cohort:
    """The rows of a cohort that all of these leave, in the order of the cohort.

    Args:
        cohort: to choose from.
        samples: ids, or positions in the cohort that was planned (the column `index`), also as text.
        split: only of this split.
        where: only those for which this is true.

    Raises:
        QueryError: there is no such sample or split, `where` cannot be understood, or nothing is left.
    """
    if samples is not None:
        table = cohort.columns(["sample_id", "index"])
        places: dict[str, int] = {str(index): row for row, index in enumerate(table["index"].to_pylist())}
        places |= {id_: row for row, id_ in enumerate(table["sample_id"].to_pylist())}
        if unknown := [str(sample) for sample in samples if str(sample) not in places]:
            msg = (
                f"the data set has no sample {listed(unknown[:_MOST_NAMED])}; give ids, or positions in the planned "
                "cohort, as in the columns sample_id and index of its table"
            )
            raise QueryError(msg)
        cohort = cohort.select(sorted({places[str(sample)] for sample in samples}))
    cohort = cohort if split is None else cohort.split(split)
    cohort = cohort if where is None else cohort.where(where)
    if len(cohort) == 0:
        msg = "no sample is left by what was asked for; ask for others"
        raise QueryError(msg)
    return cohort
