"""Imports NIfTI files: gather, survey, plan, write."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ...errors import FormatError, StoreExistsError
from ...generation.engines import run_local
from ...store import MANIFEST_NAME, WorkFolder, differences, refuse_foreign, shard_path
from ...store import open as open_store
from ...store.telling import Teller
from ...store.threads import available_cpus
from .columns import left_out_columns
from .finishing import finish, sources_text
from .gathering import gather
from .grids import parse_grid
from .order import ImportOrder
from .planning import contradictions, plan_import
from .shard_maker import ImportMaker
from .splitting import shared_subjects
from .survey import ScanToSee, Surveyed, SurveyJob, SurveyMaker, state_of

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

    from ...store import Manifest
    from .gathering import Gathered
    from .joining import Entry
    from .planning import ImportPlan

    Progress = Callable[[str, int, int], None]

__all__ = ["Imported", "import_volumes"]

_GROUP: Final = "imported"
_WORK: Final = "voxpress import, 1"
_PACKAGES: Final = ("nibabel", "numcodecs", "numpy", "pyarrow", "scipy")
_SURVEYED_AT_ONCE: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What came of it.

    Attributes:
        manifest: of the data set.
        made: samples that this run wrote; the others were there.
        left_out: file or row → why it is not in the data set.
        notes: what whoever asked should know, one sentence each.
        finished_before: all of it was there.
    """

    manifest: Manifest
    made: int
    left_out: Mapping[str, str]
    notes: tuple[str, ...]
    finished_before: bool = False


def import_volumes(
    folder: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    synthetic: bool,
    name: str = "",
    table: str | os.PathLike[str] | None = None,
    skip_unmatched: bool = False,
    skip_bad: bool = False,
    workers: int | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Imported:
    """Make a data set of NIfTI files and a table.

    Axes are permuted and flipped to RAS+; nothing is resampled unless a grid is asked for. Each file is read twice: to
    see what there is before anything is written, and to write it. Stopped at any time and called again, it goes on from
    what is there; so it does after a file was mended. The bytes do not depend on the number of workers.

    Args:
        folder: of the files, or a BIDS data set.
        target: folder of the data set: new, empty, or an earlier run of the same.
        synthetic: whether the scans show no real person. There is no default: everything that is made of the data set
            says so, and `publish` asks for consent where they do.
        name: of the data set; that of the target if empty.
        table: CSV, TSV or Parquet, one row a file or a subject; None for `participants.tsv` of a BIDS data set.
        skip_unmatched: leave out files without a row and rows without a file, instead of refusing.
        skip_bad: leave out files that cannot be read, instead of refusing.
        workers: processes; None for one a CPU.
        progress: told what is done (`reading`, `writing`), files or samples done, and how many in all.
        options: other fields of `ImportOrder`: `key`, `columns`, `split`, `labels`, `grid`, `dtype`, `window`, ….

    Raises:
        RecipeError: an option is not well formed.
        StoreNotFoundError: there is no such folder or table.
        FormatError: files and rows do not belong together, or have no common grid; or files cannot be read: all are
            named, and what was seen of the others is kept.
        StoreExistsError: the target holds something else.
        GenerationError: a worker died; what is committed stays.
        DiskFullError: no room; make some and call it again.

    Example:
        >>> import_volumes("scans/", "brains/", synthetic=False, table="people.csv", key="file")   # doctest: +SKIP
    """
    root, goal = Path(folder).expanduser(), Path(target).expanduser()
    order = ImportOrder(synthetic=synthetic, name=name or goal.resolve().name, **options)
    if order.grid:
        parse_grid(order.grid)  # told before hours of reading
    refuse_foreign(goal)
    if (goal / MANIFEST_NAME).exists():
        return _finished(goal, order)
    gathered = gather(root, order, None if table is None else Path(table), skip_unmatched=skip_unmatched)
    with WorkFolder(goal) as work:
        if (goal / MANIFEST_NAME).exists():  # another run has finished it while this one was waiting for its turn
            return _finished(goal, order)
        # each record says what it is of, so that a run which was refused goes on with the option that it asks for
        records = work.start({"work": _WORK})
        run = _Run(root, work, order, workers or available_cpus(), progress)
        seen, bad = run.survey(gathered, records)
        if bad and not skip_bad:
            raise _bad_files(bad)
        entries = [entry for entry in gathered.entries if not {entry.image, entry.label} & bad.keys()]
        if not entries:
            raise _bad_files(bad)
        plan = plan_import(gathered, entries, seen)
        shards, made = run.write(plan, records)
        left_out = {**gathered.left_out, **bad}
        manifest = finish(
            goal,
            order=order,
            digital_source_type=plan.digital_source_type,
            specs=plan.specs,
            kinds=plan.kinds,
            measured=plan.measured,
            records=shards,
            lock={_GROUP: _lock(order, plan, shards)},
            sources=sources_text(_sources(plan, seen, left_out)),
            scratch=work.scratch,
        )
        work.clear()
    notes = _notes(gathered, entries, plan, shards)
    return Imported(manifest=manifest, made=made, left_out=left_out, notes=notes)


class _Run:
    """The two passes over the files."""

    def __init__(
        self, root: Path, work: WorkFolder, order: ImportOrder, workers: int, progress: Progress | None
    ) -> None:
        self._root, self._work, self._order, self._workers = root, work, order, workers
        self._progress = progress

    def survey(
        self, gathered: Gathered, records: Sequence[Mapping[str, Any]]
    ) -> tuple[dict[str, Surveyed], dict[str, str]]:
        """Path → what was seen of it, and path → why it cannot be imported."""
        wanted = {entry.image: "image" for entry in gathered.entries}
        wanted |= {entry.label: "label" for entry in gathered.entries if entry.label}
        seen = {
            scan["path"]: scan
            for record in records
            for scan in record.get("scans", ())
            if wanted.get(scan["path"]) == scan["kind"]
            and record["affine"] == self._order.affine
            and "error" not in scan
            and scan["state"] == state_of(self._root / scan["path"])
        }
        to_see = [ScanToSee(path=path, kind=kind) for path, kind in wanted.items() if path not in seen]
        parts = [to_see[start : start + _SURVEYED_AT_ONCE] for start in range(0, len(to_see), _SURVEYED_AT_ONCE)]
        tell = Teller(len(seen), len(wanted), self._progress and partial(self._progress, "reading"))
        maker = SurveyMaker(self._root, self._order.affine)
        for part in run_local(
            maker, [SurveyJob(rows=tuple(part)) for part in parts], workers=self._workers, on_sample=tell.add
        ):
            name = hashlib.sha256(json.dumps([scan["path"] for scan in part]).encode()).hexdigest()[:32]
            self._work.record(f"scans-{name}", {"files": {}, "affine": self._order.affine, "scans": part})
            seen |= {scan["path"]: scan for scan in part}
        bad = {path: scan["error"] for path, scan in seen.items() if "error" in scan}
        sound = {path: Surveyed.from_json(scan) for path, scan in seen.items() if path not in bad}
        for entry in gathered.entries:
            if not {entry.image, entry.label} & bad.keys() and (why := contradictions(entry, sound, self._order)):
                bad[entry.image] = why
        return sound, {path: bad[path] for path in sorted(bad)}

    def write(self, plan: ImportPlan, records: Sequence[Mapping[str, Any]]) -> tuple[list[Mapping[str, Any]], int]:
        """The records of all shards, and how many samples were written now."""
        maker = ImportMaker(
            folder=self._root,
            target=self._work.target,
            specs=plan.specs,
            values=plan.values,
            affine=self._order.affine,
            resample=bool(self._order.grid),
            synthetic=self._order.synthetic,
        )
        made_of = {(job.split, job.number): maker.digest(job) for job in plan.jobs}
        shards = [record for record in records if "made_of" in record]
        there = [record for record in shards if made_of.get((record["split"], record["number"])) == record["made_of"]]
        self._remove(shards, plan)
        done = {(record["split"], record["number"]) for record in there}
        jobs = [job for job in plan.jobs if (job.split, job.number) not in done]
        total, made = sum(len(job.rows) for job in plan.jobs), sum(len(job.rows) for job in jobs)
        tell = Teller(total - made, total, self._progress and partial(self._progress, "writing"))
        there += run_local(maker, jobs, workers=self._workers, on_sample=tell.add)
        places = {place: number for number, place in enumerate(made_of)}
        return sorted(there, key=lambda record: places[record["split"], record["number"]]), made

    def _remove(self, shards: Sequence[Mapping[str, Any]], plan: ImportPlan) -> None:
        """Files of an earlier plan, of other samples, that this one does not write again."""
        wanted = {shard_path(job.split, name, job.number) for job in plan.jobs for name in plan.specs}
        for path in (path for record in shards for path in record["files"] if path not in wanted):
            (self._work.target / path).unlink(missing_ok=True)


def _finished(target: Path, order: ImportOrder) -> Imported:
    manifest = open_store(target).manifest
    there = manifest.lock.get(_GROUP, {}).get("asked")
    asked = json.loads(json.dumps(order.to_plain()))
    if differing := differences(there, asked, _GROUP):
        msg = (
            f"the target {target} holds a finished data set of another order ({'; '.join(differing)}); "
            "give a folder that is new or empty"
        )
        raise StoreExistsError(msg)
    WorkFolder(target).clear()
    return Imported(manifest=manifest, made=0, left_out={}, notes=(), finished_before=True)


def _bad_files(bad: Mapping[str, str]) -> FormatError:
    listed = "\n".join(f"  {why}" for why in bad.values())
    return FormatError(
        f"{len(bad):,} files cannot be imported:\n{listed}\n"
        "mend them and run the same command again, which keeps what was seen of the others, or leave them out: "
        "voxpress import --skip-bad"
    )


def _lock(order: ImportOrder, plan: ImportPlan, shards: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What decided the bytes, and what was lost on the way."""
    low, high = plan.values.window
    return {
        "asked": order.to_plain(),
        "background": plan.values.offset,
        "exact": plan.values.exact and not plan.resampled,
        "window": [low, high],
        "clipped_voxels": sum(count for record in shards for count in record["clipped"]),
        "most_clipped_of_a_scan": max(count for record in shards for count in record["clipped"]),
        "resampled": "images linear, labels nearest" if plan.resampled else "",
        "most_outside_of_a_scan": max(share for record in shards for share in record["outside"]),
        **{package: version(package) for package in _PACKAGES},
    }


def _sources(plan: ImportPlan, seen: Mapping[str, Surveyed], left_out: Mapping[str, str]) -> list[dict[str, str]]:
    rows = [
        {
            "sample_id": row.sample_id,
            "split": job.split,
            "image": row.image,
            "label": row.label,
            "orientation": seen[row.image].orientation,
        }
        for job in plan.jobs
        for row in job.rows
    ]
    return rows + [{"image": what, "left_out": why} for what, why in left_out.items()]


def _notes(
    gathered: Gathered, entries: Sequence[Entry], plan: ImportPlan, shards: Sequence[Mapping[str, Any]]
) -> tuple[str, ...]:
    values, notes = plan.values, []
    if values.exact:
        how = "resampled and rounded" if plan.resampled else "kept exactly"
        notes.append(f"integers are {how} as {values.dtype}; {values.offset:g} is the background, stored as 0")
    else:
        clipped = max(count for record in shards for count in record["clipped"])
        share = clipped / math.prod(plan.specs["image"].shape)
        notes.append(
            f"values from {values.window[0]:g} to {values.window[1]:g} are rounded to {values.dtype}, in steps of "
            f"{values.scale:.4g}; {values.offset:g} is the background, stored as 0; at most {share:.3%} of a scan is "
            "clipped"
        )
    if lost := max(share for record in shards for share in record["outside"]):
        notes.append(f"up to {lost:.2%} of what is not background in a scan lies outside the grid and is lost")
    if gathered.sheet is not None and gathered.order.columns is None:
        names = [name for name in left_out_columns(gathered.sheet, gathered.order) if name != gathered.order.key]
        if names:
            notes.append(f"columns that are no conditions: {', '.join(names)}")
    split_of = {row.index: job.split for job in plan.jobs for row in job.rows}
    if shared := shared_subjects(entries, [split_of[number] for number in range(len(entries))]):
        notes.append(f"{len(shared):,} subjects are in more than one split, such as {shared[0]}: training sees them")
    return tuple(notes)
