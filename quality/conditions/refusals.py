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
    import pyarrow.parquet as pq
    from numpy.typing import NDArray

    from ...store import Manifest

__all__ = ["REJECTS_PATH", "Refusals", "read_refusals", "refusals_of"]

REJECTS_PATH: Final = "quality/rejects.parquet"
_NOT_KNOWN: Final = "NOT_KNOWN"
_MOST_ROWS: Final = 50_000_000


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


def read_refusals(root: Path, manifest: Manifest, table: pa.Table, conditions: Sequence[str]) -> Refusals:
    """The refused attempts of a store: of `quality/rejects.parquet`, and where that is not, of manifest and table.

    A file that names another manifest is passed over.

    Args:
        root: folder of the store.
        manifest: of it.
        table: all its rows.
        conditions: columns that say what was ordered.

    Raises:
        FormatError: the file is no table of refused attempts.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = safe_path(root, REJECTS_PATH)
    if not path.is_file():
        return refusals_of(manifest, table)
    try:
        with pq.ParquetFile(path) as file:
            if (file.schema_arrow.metadata or {}).get(b"manifest_sha256") != manifest.digest.encode():
                return refusals_of(manifest, table)
            wanted = ["sample_id", "reasons", *(name for name in conditions if name in file.schema_arrow.names)]
            rows = _bounded(file).read(columns=wanted)
        return _from_rows(rows, [each.sample_id for each in manifest.rejected], conditions)
    except (pa.ArrowException, KeyError, TypeError) as error:
        msg = f"{path} is no table of refused attempts ({str(error)[:200]}); delete it and make it again"
        raise FormatError(msg) from error


def refusals_of(manifest: Manifest, table: pa.Table) -> Refusals:
    """What manifest and table say: of a hole every attempt with its reasons, of a sample how many were before it.

    The reasons of the attempts before a sample are then not known, and are counted as `NOT_KNOWN`.
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
            reasons[_NOT_KNOWN] += int(before[row])
    return Refusals(attempts=attempts, reasons=dict(sorted(reasons.items())))


def _bounded(file: pq.ParquetFile) -> pq.ParquetFile:
    if file.metadata.num_rows > _MOST_ROWS:
        msg = f"it has {file.metadata.num_rows} rows, the limit is {_MOST_ROWS}"
        raise TypeError(msg)
    return file


def _from_rows(rows: pa.Table, gone: Sequence[str], conditions: Sequence[str]) -> Refusals:
    ids: list[Any] = rows["sample_id"].to_pylist()
    codes: Counter[str] = Counter()
    for reasons in rows["reasons"].to_pylist():
        codes.update(str(code) for code in (reasons if reasons is not None else [_NOT_KNOWN]))
    return Refusals(
        attempts=dict(Counter(str(name) for name in ids)),
        reasons=dict(sorted(codes.items())),
        holes=_holes(rows, ids, gone, conditions),
    )


def _holes(rows: pa.Table, ids: Sequence[Any], gone: Sequence[str], conditions: Sequence[str]) -> pa.Table | None:
    """What was ordered of the samples that are not there, if the file tells it of all of them."""
    if not set(conditions) <= set(rows.column_names):
        return None
    first = {name: row for row, name in reversed(list(enumerate(ids)))}
    if not set(gone) <= first.keys():
        return None
    return rows.take([first[name] for name in gone]).select(["sample_id", *conditions])
