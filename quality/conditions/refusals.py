"""What was refused on the way to a data set: how often, why, and of whom."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ...errors import FormatError
from ...store import safe_path

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa
    from numpy.typing import NDArray

    from ...store import Manifest

__all__ = ["REJECTS_PATH", "Refusals", "read_refusals", "refusals_of"]

REJECTS_PATH: Final = "quality/rejects.parquet"
_UNRECORDED: Final = "UNRECORDED"
_MOST_ROWS: Final = 50_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusals:
    """Attempts that were refused.

    Attributes:
        attempts: sample id → how many attempts at it were refused; ids without one are not here.
        reasons: reason code → how many attempts had it; an attempt may have several.
    """

    attempts: Mapping[str, int]
    reasons: Mapping[str, int]

    @property
    def total(self) -> int:
        """Of all samples."""
        return sum(self.attempts.values())

    def counts(self, sample_ids: Sequence[str]) -> NDArray[np.int64]:
        """One number for each of some samples."""
        return np.array([self.attempts.get(name, 0) for name in sample_ids], np.int64)


def read_refusals(root: Path, manifest: Manifest, table: pa.Table) -> Refusals:
    """The refused attempts of a store: of `quality/rejects.parquet`, and where that is not, of manifest and table.

    Args:
        root: folder of the store.
        manifest: of it.
        table: all its rows.

    Raises:
        FormatError: the file is no table of refused attempts.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = safe_path(root, REJECTS_PATH)
    if not path.is_file():
        return refusals_of(manifest, table)
    try:
        rows = pq.ParquetFile(path)
        if rows.metadata.num_rows > _MOST_ROWS:
            msg = f"{rows.metadata.num_rows} rows"
            raise FormatError(msg)
        found = rows.read(columns=["sample_id", "reasons"])
        return _from_rows(found["sample_id"].to_pylist(), found["reasons"].to_pylist())
    except (pa.ArrowException, KeyError, TypeError, FormatError) as error:
        msg = f"{path} is no table of refused attempts ({str(error)[:200]}); delete it and make it again"
        raise FormatError(msg) from error


def refusals_of(manifest: Manifest, table: pa.Table) -> Refusals:
    """What manifest and table say: of a hole every attempt with its reasons, of a sample how many were before it.

    The reasons of the attempts before a sample are then not known, and are counted as `UNRECORDED`.
    """
    reasons: Counter[str] = Counter()
    attempts: dict[str, int] = {}
    for rejection in manifest.rejected:
        attempts[rejection.sample_id] = len(rejection.attempts)
        for attempt in rejection.attempts:
            reasons.update(attempt.reasons)
    if "attempt" in table.column_names:
        before = np.asarray(table["attempt"].to_numpy(zero_copy_only=False))
        ids = table["sample_id"]
        for row in np.flatnonzero(before > 0).tolist():
            attempts[ids[row].as_py()] = int(before[row])
            reasons[_UNRECORDED] += int(before[row])
    return Refusals(attempts=attempts, reasons=dict(sorted(reasons.items())))


def _from_rows(ids: Sequence[Any], reasons: Sequence[Any]) -> Refusals:
    if not all(isinstance(name, str) for name in ids):
        msg = "a sample_id is no text"
        raise TypeError(msg)
    codes = Counter(str(code) for each in reasons for code in (each if isinstance(each, list) else [each]))
    return Refusals(attempts=dict(Counter(ids)), reasons=dict(sorted(codes.items())))
