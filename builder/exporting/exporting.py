"""Exports samples as NIfTI files."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ...errors import QueryError, StoreExistsError
from ...generation.engines import run_local
from ...store import WorkFolder, differences, group_zarr_json_path, refuse_foreign, refuse_inside, write_atomic
from ...store import open as open_store
from ...store.parsing import as_mapping, parse_json
from ...store.telling import Teller
from ...store.threads import available_cpus
from .layouts import Bids, Plain
from .meanings import told_by_backend
from .part_maker import ExportJob, PartMaker

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from ...store import Cohort
    from .layouts import Layout

    Progress = Callable[[int, int], None]

__all__ = ["LAYOUTS", "Exported", "export"]

LAYOUTS: Final = ("nifti", "bids")
LAST_NAME: Final = "export.json"
"""Written last: a folder without it is not finished."""

_SAMPLES_AT_ONCE: Final = 8
_MOST_ZARR_JSON_BYTES: Final = 64 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What came of it.

    Attributes:
        samples: that are in the folder.
        made: of these, how many this run wrote.
        files: in the folder.
        synthetic: whether they show no real person.
        finished_before: all of it was there.
    """

    samples: int
    made: int
    files: int
    synthetic: bool
    finished_before: bool = False


def export(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    layout: str = "nifti",
    where: str | None = None,
    split: str | None = None,
    rows: Sequence[int] | None = None,
    suffix: str = "",
    workers: int | None = None,
    progress: Progress | None = None,
) -> Exported:
    """Write samples as NIfTI files, with the integers as they are stored, their scale, and their affine.

    Each file says whether it is synthetic, in its header, in an extension of it, and in what lies beside. Stopped at
    any time and called again, it goes on from what is there; called again on a finished folder it does nothing.

    Args:
        source: as for `open`.
        target: folder of the files: new, empty, or an earlier run of the same.
        layout: `nifti`, a plain folder with a table; or `bids`.
        where: only samples for which this is true.
        split: only those of this split.
        rows: only these, by position among those that `where` and `split` leave.
        suffix: of images in BIDS, such as ``T1w``; empty for what the condition `contrast` says.
        workers: processes; None for one a CPU.
        progress: told samples done and samples in all, those of earlier runs included.

    Raises:
        StoreNotFoundError, FormatError, UnsafePathError, RemoteError: as `open`.
        QueryError: the samples cannot be chosen so, or there are none.
        FormatError: two samples would have the same name of a file, or a suffix is missing or none.
        StoreExistsError: the target holds something else, or lies in the source.
        CorruptError: bytes of the source are wrong.
        DiskFullError: no room; make some and call it again.

    Example:
        >>> export("brains/", "for_fsl/", where="age > 70", layout="bids")   # doctest: +SKIP
    """
    if layout not in LAYOUTS:
        msg = f"layout must be one of {', '.join(LAYOUTS)}, got {layout!r}"
        raise ValueError(msg)
    cohort, goal = _chosen(open_store(source), where, split, rows), Path(target).expanduser()
    how: Layout = Bids(suffix=suffix) if layout == "bids" else Plain()
    order = {**_order(cohort), "layout": layout, "suffix": suffix}
    if not cohort.store.source.remote:
        refuse_inside(goal, cohort.path)
    refuse_foreign(goal, LAST_NAME)
    if (goal / LAST_NAME).exists():
        return _finished(goal, order)
    jobs = _jobs(how, cohort)
    with WorkFolder(goal) as work:
        if (goal / LAST_NAME).exists():  # another run has finished it while this one was waiting for its turn
            return _finished(goal, order)
        records = work.start(order)
        done = {record["number"] for record in records}
        left = [job for job in jobs if job.number not in done]
        made = sum(len(job.rows) for job in left)
        tell = Teller(len(cohort) - made, len(cohort), progress)
        maker = PartMaker(cohort, goal, _digital_source_type(cohort))
        records += run_local(maker, left, workers=workers or available_cpus(), on_sample=tell.add)
        beside = how.beside(cohort, told_by_backend(cohort))
        for path, data in beside.items():
            write_atomic(goal / path, data, scratch=work.scratch)
        files = sum(len(record["files"]) for record in records) + len(beside)
        last = {**order, "samples": len(cohort), "files": files, "synthetic": cohort.manifest.synthetic}
        text = json.dumps(last, indent=1, sort_keys=True).encode() + b"\n"
        write_atomic(goal / LAST_NAME, text, scratch=work.scratch)
        work.clear(LAST_NAME)
    return Exported(samples=len(cohort), made=made, files=files, synthetic=cohort.manifest.synthetic)


def _chosen(cohort: Cohort, where: str | None, split: str | None, rows: Sequence[int] | None) -> Cohort:
    if split is not None:
        cohort = cohort.split(split)
    if where is not None:
        cohort = cohort.where(where)
    if rows is not None:
        if beyond := [row for row in rows if not 0 <= row < len(cohort)]:
            msg = f"rows must be from 0 to {len(cohort) - 1}, got {beyond[0]}"
            raise QueryError(msg)
        cohort = cohort.select(np.array(sorted(set(rows)), np.int64))
    if not len(cohort):
        msg = "there is no sample to export; ask for others"
        raise QueryError(msg)
    return cohort


def _order(cohort: Cohort) -> dict[str, Any]:
    """What decides the files."""
    rows = np.arange(len(cohort)) if cohort.rows is None else cohort.rows
    return {
        "dataset": f"{cohort.manifest.name} {cohort.manifest.version}",
        "manifest_sha256": cohort.manifest.digest,
        "rows_sha256": hashlib.sha256(np.ascontiguousarray(rows, "<i8").tobytes()).hexdigest(),
    }


def _jobs(how: Layout, cohort: Cohort) -> list[ExportJob]:
    rows = how.rows(cohort)
    return [
        ExportJob(number=start // _SAMPLES_AT_ONCE, rows=tuple(rows[start : start + _SAMPLES_AT_ONCE]))
        for start in range(0, len(rows), _SAMPLES_AT_ONCE)
    ]


def _digital_source_type(cohort: Cohort) -> str:
    """IPTC's term for where the samples come from, as the data set says it."""
    path = group_zarr_json_path(cohort.splits[0])
    data = cohort.store.source.read_all(path, most=_MOST_ZARR_JSON_BYTES)
    attributes = as_mapping(as_mapping(parse_json(data, path), path).get("attributes"), path)
    return str(attributes.get("digital_source_type", ""))[:1000]


def _finished(target: Path, order: dict[str, Any]) -> Exported:
    there = as_mapping(parse_json((target / LAST_NAME).read_bytes(), str(target / LAST_NAME)), LAST_NAME)
    if differing := differences({name: there.get(name) for name in order}, order, "export"):
        msg = (
            f"the target {target} holds a finished export of another order ({'; '.join(differing)}); "
            "give a folder that is new or empty"
        )
        raise StoreExistsError(msg)
    return Exported(
        samples=int(there.get("samples", 0)),
        made=0,
        files=int(there.get("files", 0)),
        synthetic=bool(there.get("synthetic", True)),
        finished_before=True,
    )
