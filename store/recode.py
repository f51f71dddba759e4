"""A copy of a data set that is packed otherwise, for training on this machine: the same samples, ids and voxels."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import CorruptError, StoreExistsError
from .arrays import voxels_sha256
from .copied_files import copy_beside, copy_card, write_documents, write_tables
from .differences import differences
from .extents import sample_extents
from .files import FileRecord, write_atomic
from .layout import MANIFEST_NAME, array_path, shard_path
from .manifest import Manifest, SplitRecord
from .manifest_json import format_version_of
from .opening import open as open_store
from .packing import CopyJob, CopyPlan, Packing, plan_copy
from .shards import assemble_shard, encode_sample
from .spare import seal
from .telling import Teller
from .threads import available_cpus, map_in_order
from .work_folder import WorkFolder, refuse_foreign, refuse_inside

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping

    from .cohort import Cohort
    from .packed import Chunks, PackedReader

    Progress = Callable[[int, int], None]

__all__ = ["Note", "Recoded", "copy_rows", "recode"]

_PACKAGES = ("numcodecs", "pyarrow")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recoded:
    """What came of it.

    Attributes:
        manifest: of the copy.
        made: samples that this run copied; the others were there.
    """

    manifest: Manifest
    made: int


@dataclass(frozen=True, slots=True)
class _Packed:
    """One sample: array → inner chunks, and its extents: column → value."""

    chunks: Mapping[str, list[bytes | None]]
    extents: Mapping[str, list[int] | None]


def recode(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    packing: Packing | None = None,
    *,
    where: str | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Recoded:
    """Copy a data set with other chunks, codecs or shards.

    Stopped at any time and called again, it goes on from the shards that are committed; called again on a finished copy
    it does nothing. Every sample is held against the digest of its voxels. The copy is of the newest format version,
    so it has the extents of its samples even if the source has none.

    Args:
        source: as for `open`.
        target: folder of the copy: new, empty, or an earlier run of the same.
        packing: None for that of a training copy.
        where: copy only the samples for which this is true; they close up, so that there are no holes.
        threads: that read and pack; None for one a CPU. The bytes do not depend on it.
        progress: told samples done and samples in all, those of earlier runs included.

    Raises:
        StoreNotFoundError, FormatError, UnsafePathError, RemoteError: as `open`.
        FormatError: the arrays cannot be packed so.
        QueryError: `where` cannot be understood, or is true for no sample.
        StoreExistsError: the target holds something else, or lies in the source.
        CorruptError: bytes of the source are wrong; what was committed before stays.
        DiskFullError: no room; make some and call it again.
    """
    whole = open_store(source)
    cohort = whole if where is None else whole.where(where)
    packing = packing or Packing()
    plan = plan_copy(cohort.manifest, cohort.locations, packing, whole=where is None)
    how = _settings(cohort, packing, where)
    note = Note("recoded", how, _note(how))
    return copy_rows(cohort, plan, Path(target), note, threads=threads, progress=progress)


@dataclass(frozen=True, slots=True)
class Note:
    """What the lock of a copy says of it.

    Attributes:
        group: of the lock.
        order: all that decides its bytes.
        text: for people, at the end of the card.
        more: what else the lock says.
    """

    group: str
    order: Mapping[str, Any]
    text: str
    more: Mapping[str, Any] = field(default_factory=dict)


def copy_rows(
    cohort: Cohort,
    plan: CopyPlan,
    target: Path,
    note: Note,
    *,
    packed: PackedReader | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Recoded:
    """Carry out a plan; as `recode`, which has what is raised.

    Args:
        cohort: the rows that the plan names.
        plan: of the copy.
        target: folder of the copy.
        note: for its lock.
        packed: takes the chunks over as they are, where the plan does not pack them otherwise.
        threads: as for `recode`.
        progress: as for `recode`.
    """
    if not cohort.store.source.remote:
        refuse_inside(target, cohort.path)
    refuse_foreign(target)
    if (target / MANIFEST_NAME).exists():
        return Recoded(manifest=_finished(target, note), made=0)
    with WorkFolder(target) as work:
        if (target / MANIFEST_NAME).exists():  # another run has finished it while this one was waiting for its turn
            return Recoded(manifest=_finished(target, note), made=0)
        version = format_version_of(synthetic=cohort.manifest.synthetic)
        records = work.start({"format_version": version, note.group: note.order})
        committed = {(record["split"], record["number"]) for record in records}
        jobs = [job for job in plan.jobs() if (job.split, job.number) not in committed]
        made = sum(row is not None for job in jobs for row in job.rows)
        tell = Teller(plan.samples - made, plan.samples, progress)
        maker = _CopyMaker(cohort, plan, work, threads or available_cpus(), packed)
        records += [maker.make(job, tell) for job in jobs]
        manifest = _finish(cohort, plan, work, records, note)
    return Recoded(manifest=manifest, made=made)


class _CopyMaker:
    """Copies one shard after the other, the samples of each in threads."""

    def __init__(
        self, cohort: Cohort, plan: CopyPlan, work: WorkFolder, threads: int, packed: PackedReader | None
    ) -> None:
        self._cohort, self._plan, self._work, self._threads = cohort, plan, work, threads
        self._packed = packed
        self._taken: dict[str, dict[int, Chunks]] = {}
        columns = [f"{name}_sha256" for name in plan.specs]
        self._digests = {column: cohort.table[column] for column in ["sample_id", *columns]}

    def make(self, job: CopyJob, tell: Teller) -> dict[str, Any]:
        """Copies and commits a shard; returns its record."""
        packed = []
        self._take_over(job)
        for sample in map_in_order(self._pack, job.rows, self._threads):
            packed.append(sample)
            tell.add(sample is not None)
        files = {}
        for name, spec in self._plan.specs.items():
            path = shard_path(job.split, name, job.number)
            data = assemble_shard(spec, [sample.chunks[name] if sample else None for sample in packed])
            files[path] = asdict(write_atomic(self._work.target / path, data, scratch=self._work.scratch))
        extents = [dict(sample.extents) for sample in packed if sample]
        record = {"split": job.split, "number": job.number, "files": files, "extents": extents}
        self._work.record(f"{job.split}-{job.number:07d}", record)
        return record

    def _take_over(self, job: CopyJob) -> None:
        """Fetch the chunks that the copy has as the source has them."""
        if self._packed is not None:
            rows = [row for row in job.rows if row is not None]
            self._taken = {name: self._packed.chunks(rows, name) for name in self._plan.specs}

    def _pack(self, row: int | None) -> _Packed | None:
        if row is None:
            return None
        chunks: dict[str, list[bytes | None]] = {}
        extents: dict[str, list[int] | None] = {}
        for name, spec in self._plan.specs.items():
            if self._packed is not None:
                chunks[name], voxels = self._packed.sound(row, name, self._taken[name].pop(row))
            else:
                voxels = self._cohort.read(row, name)
                chunks[name] = encode_sample(spec, voxels)
            if voxels_sha256(voxels) != self._digests[f"{name}_sha256"][row].as_py():
                raise self._wrong(row, name)
            extents |= sample_extents(spec, voxels)
        return _Packed(chunks, extents)

    def _wrong(self, row: int, name: str) -> CorruptError:
        where, sample = self._cohort.locations, self._digests["sample_id"][row].as_py()
        split, slot = where.splits[where.split[row]], int(where.slot[row])
        shard = shard_path(split, name, slot // self._cohort.manifest.splits[split].shard_samples)
        msg = (
            f"the {name} of {sample} in {shard} does not have the {name}_sha256 of the table; "
            "get the source again, or make the data set again from its recipe"
        )
        return CorruptError(msg, kind="checksum", path=shard, samples=(sample,))


def _settings(cohort: Cohort, packing: Packing, where: str | None) -> dict[str, Any]:
    """What the lock of the copy says: all that decides its bytes."""
    return {
        "source_digest": cohort.manifest.digest,
        "codec": packing.codec,
        "chunk": packing.chunk,
        "shard_samples": packing.shard_samples or next(iter(cohort.specs.values())).shard_samples,
        "where": where or "",
        **{package: version(package) for package in _PACKAGES},
    }


def _finished(target: Path, note: Note) -> Manifest:
    manifest = open_store(target).manifest
    there = manifest.lock.get(note.group)
    there = there and {name: value for name, value in there.items() if name not in note.more}
    if differing := differences(there, note.order, note.group):
        msg = (
            f"the target {target} holds a finished data set of another order ({'; '.join(differing)}); "
            "give a folder that is new or empty"
        )
        raise StoreExistsError(msg)
    WorkFolder(target).clear()
    return manifest


def _finish(cohort: Cohort, plan: CopyPlan, work: WorkFolder, records: list[dict[str, Any]], note: Note) -> Manifest:
    """All that is not voxels; the manifest comes last."""
    records = sorted(records, key=lambda record: (record["split"], record["number"]))
    files = {path: FileRecord(**file) for record in records for path, file in record["files"].items()}
    files |= copy_beside(cohort, work)
    files |= write_documents(cohort, plan, work)
    files |= write_tables(cohort, plan, work, records)
    source = cohort.manifest
    manifest = replace(
        source,
        lock={**source.lock, note.group: {**note.order, **note.more}},
        splits={split: _sizes(slots, plan.shard_samples) for split, slots in plan.slots.items()},
        arrays={array_path(split, name): spec for split in plan.slots for name, spec in plan.specs.items()},
        # samples that are chosen close up
        rejected=source.rejected if note.order["where"] == "" else (),
        files=files,
        format_version=format_version_of(synthetic=source.synthetic),
    )
    copy_card(cohort.store.source, manifest, work, note.text)
    seal(work.target, manifest, scratch=work.scratch)
    work.clear()
    return manifest


def _sizes(slots: tuple[int | None, ...], shard_samples: int) -> SplitRecord:
    samples = sum(row is not None for row in slots)
    return SplitRecord(slots=len(slots), samples=samples, shard_samples=shard_samples)


def _note(how: Mapping[str, Any]) -> str:
    chosen = f" Only samples with `{how['where'].replace('`', '')}` were copied." if how["where"] else ""
    return (
        f"\n## This copy\n\nPacked anew by `voxpress recode` (codec {how['codec']}, chunk {how['chunk']}, "
        f"{how['shard_samples']} samples a shard) from the data set with the digest `{how['source_digest']}`; "
        f"samples and voxels are the same.{chosen}\n"
    )
