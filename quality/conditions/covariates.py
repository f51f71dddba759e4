"""The conditions of a data set as columns: what was ordered of each, beside what its volumes show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ...store.rows import MEASURED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["Covariate", "covariates_of", "is_in_years", "real_covariates"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Covariate:
    """One condition.

    Attributes:
        name: of the column.
        kind: numbers, or words.
        unit: as declared; empty where nothing says it.
        ordered: one value a sample: float64 with NaN, or strings with "" for none.
        measured: likewise, or None where the data set measures nothing of this name.
    """

    name: str
    kind: Literal["number", "category"]
    unit: str
    ordered: NDArray[Any]
    measured: NDArray[Any] | None = None

    @property
    def paired(self) -> NDArray[np.bool_]:
        """Samples of which both are known."""
        if self.measured is None:
            return np.zeros(len(self.ordered), bool)
        return _known(self.ordered) & _known(self.measured)


def covariates_of(
    table: pa.Table, conditions: Sequence[str], units: Mapping[str, str] | None = None
) -> tuple[Covariate, ...]:
    """The conditions of a table, in the order of the names.

    Args:
        table: rows of a data set, or of a reference.
        conditions: columns that say what was ordered.
        units: condition → unit as the backend declares it; where it is not named, the name says it (`…_ml`, `…_mm`,
            `…_years`, `age`).
    """
    made = []
    for name in conditions:
        kind, ordered = _values(table[name])
        column = f"{MEASURED}{name}"
        found = _values(table[column]) if column in table.column_names else None
        measured = found[1] if found is not None and found[0] == kind else None
        unit = (units or {}).get(name, _unit_in(name))
        made.append(Covariate(name=name, kind=kind, unit=unit, ordered=ordered, measured=measured))
    return tuple(made)


def real_covariates(
    covariates: Sequence[Covariate], reference: pa.Table, units: Mapping[str, str] | None = None
) -> tuple[Covariate, ...]:
    """Those of the same conditions that a reference has, of the same kind: sex as 0 and 1 is not sex as words."""
    kinds = {each.name: each.kind for each in covariates}
    shared = [name for name in kinds if name in reference.column_names]
    return tuple(each for each in covariates_of(reference, shared, units) if each.kind == kinds[each.name])


def is_in_years(covariate: Covariate) -> bool:
    """Whether it is a number of years, which people read in decades."""
    return covariate.kind == "number" and covariate.unit in {"year", "years", "a", "y"}


def _values(column: pa.ChunkedArray) -> tuple[Literal["number", "category"], NDArray[Any]]:
    import pyarrow as pa

    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return "number", np.asarray(column.to_numpy(zero_copy_only=False), np.float64)
    words = ["" if value is None else str(value) for value in column.to_pylist()]
    return "category", np.array(words, dtype=np.str_)


def _known(values: NDArray[Any]) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = np.isfinite(values) if values.dtype.kind == "f" else values != ""
    return found


def _unit_in(name: str) -> str:
    last = name.rpartition("_")[2]
    if last == "age":
        return "years"
    return last if last in {"ml", "mm", "years"} else ""
