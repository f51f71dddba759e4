"""The record of refused attempts, `quality/rejects.parquet`: what was made, looked at and not kept, and why.

Which attempts there were follows from the manifest and the table, which nothing can change. Their reasons are known
only from this file, which nothing vouches for: where it is missing, or names another manifest, they are not known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from ..errors import CorruptError
from ..store import Cohort, write_atomic
from ..store import open as open_store
from .reject_table import RejectTable, tabulated

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["REJECTS_NAME", "RejectTable", "attempts_of", "refused_attempts", "reject_table", "write_rejects"]

REJECTS_NAME: Final = "quality/rejects.parquet"

_FIELDS: Final = (
    ("sample_id", pa.string()),
    ("index", pa.int64()),
    ("split", pa.string()),
    ("attempt", pa.int32()),
    ("seed", pa.int64()),
    ("reasons", pa.list_(pa.string())),
)
_NAMES: Final = tuple(name for name, _ in _FIELDS)
_KINDS: Final = {"number": pa.float64(), "category": pa.string()}
_MOST_BYTES: Final = 512 * 2**20
_MOST_ROWS: Final = 10**8
_AGAIN: Final = "delete it, and the reasons are not known; or make the data set again with `voxpress regenerate -o`"


def write_rejects(
    root: Path,
    rows: Sequence[Mapping[str, Any]],
    conditions: Mapping[str, str],
    *,
    manifest_sha256: str,
    scratch: Path,
) -> None:
    """Writes the record of a data set.

    Args:
        root: folder of the data set.
        rows: one a refused attempt: `sample_id`, `index`, `split`, `attempt`, `seed`, `reasons` (None where they are
            not known), and what was ordered.
        conditions: name → `number` or `category`.
        manifest_sha256: digest of its manifest.
        scratch: as in `write_atomic`.

    Raises:
        DiskFullError, OSError: as `write_atomic`.
    """
    import pyarrow.parquet as pq

    # a condition of one of these names has its place in the table of samples only
    ordered = [(name, _KINDS[kind]) for name, kind in conditions.items() if name not in _NAMES]
    metadata = {"synthetic": "true", "manifest_sha256": manifest_sha256}
    schema = pa.schema([*_FIELDS, *ordered], metadata=metadata)
    table = pa.Table.from_pylist(sorted(rows, key=lambda row: (row["index"], row["attempt"])), schema=schema)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    write_atomic(root / REJECTS_NAME, sink.getvalue().to_pybytes(), scratch=scratch)


def refused_attempts(root: str | os.PathLike[str]) -> pa.Table:
    """Every refused attempt of a data set, also those at samples that a later attempt made well enough.

    Args:
        root: as for `voxpress.open`.

    Returns:
        `sample_id`, `index`, `split`, `attempt`, `seed`, `reasons` and the conditions, by index and attempt. `reasons`
        is null where the record does not know them, and so are `seed` and the conditions of a sample without a row.

    Raises:
        StoreNotFoundError, FormatError, RemoteError: as `open`.
        CorruptError: the table or the record is damaged.
    """
    return attempts_of(open_store(root))


def reject_table(cohort: Cohort, *, by: str | Sequence[str] = ()) -> RejectTable:
    """How many attempts were refused, for which reasons, and whether some people's more than others'.

    Args:
        cohort: of the data set; all of it counts, as samples that are missing are in no selection.
        by: conditions whose combinations are told apart; numbers in thirds of the samples, `age` in decades.

    Raises:
        QueryError: there is no such condition.
        CorruptError: the table or the record is damaged.
    """
    whole = Cohort(cohort.store)
    names = (by,) if isinstance(by, str) else tuple(by)
    known = [name for name in names if name in whole.conditions]
    samples = whole.columns(["sample_id", *known])
    return tabulated(samples, attempts_of(whole), by=names)


def attempts_of(cohort: Cohort) -> pa.Table:
    """`refused_attempts` of a data set that is open."""
    whole = Cohort(cohort.store)
    conditions = [name for name in whole.conditions if name not in _NAMES]
    told = {(row["sample_id"], row["attempt"]): row for row in _recorded(whole)}
    rows: list[dict[str, Any]] = []
    for row in _retried(whole, conditions):
        for attempt in range(row["attempt"]):
            known = told.get((row["sample_id"], attempt), {})
            rows.append({**row, "attempt": attempt, "seed": known.get("seed"), "reasons": known.get("reasons")})
    for hole in whole.manifest.rejected:
        place = {"sample_id": hole.sample_id, "index": hole.index, "split": hole.split}
        for each in hole.attempts:
            ordered = told.get((hole.sample_id, each.attempt), {})
            tried = {"attempt": each.attempt, "seed": each.seed, "reasons": list(each.reasons)}
            rows.append({**{name: ordered.get(name) for name in conditions}, **place, **tried})
    types = [(name, whole.store.schema.field(name).type) for name in conditions]
    rows.sort(key=lambda row: (row["index"], row["attempt"]))
    return pa.Table.from_pylist(rows, schema=pa.schema([*_FIELDS, *types]))


def _retried(cohort: Cohort, conditions: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of samples that are not their first attempt; none where a data set has no attempts, as real scans."""
    names = ["sample_id", "index", "split", "attempt"]
    if not set(names) <= set(cohort.store.schema.names):
        return []
    table = cohort.columns([*names, *conditions])
    rows: list[dict[str, Any]] = table.filter(pc.greater(table["attempt"], 0)).to_pylist()
    return rows


def _recorded(cohort: Cohort) -> list[dict[str, Any]]:
    """The rows of the record; none where there is none of this manifest."""
    import pyarrow.parquet as pq

    try:
        data = cohort.store.source.read_all(REJECTS_NAME, most=_MOST_BYTES)
    except CorruptError as error:
        if error.kind == "missing":
            return []
        raise
    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        schema = file.schema_arrow
        wrong = [name for name, kind in _FIELDS if schema.names.count(name) != 1 or schema.field(name).type != kind]
        if wrong or file.metadata.num_rows > _MOST_ROWS:
            found = f"the columns {', '.join(wrong)}" if wrong else f"{file.metadata.num_rows} rows"
            msg = f"{REJECTS_NAME} is no record of refused attempts: see {found}; {_AGAIN}"
            raise CorruptError(msg, kind="checksum", path=REJECTS_NAME)
        if (schema.metadata or {}).get(b"manifest_sha256") != cohort.manifest.digest.encode():
            return []
        rows: list[dict[str, Any]] = file.read().to_pylist()
    except (pa.ArrowException, OSError, ValueError) as error:
        if isinstance(error, CorruptError):
            raise
        msg = f"{REJECTS_NAME} is damaged ({str(error)[:200]}); {_AGAIN}"
        raise CorruptError(msg, kind="checksum", path=REJECTS_NAME) from error
    return rows
