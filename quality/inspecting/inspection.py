"""`voxpress qa`, sample by sample: every stored volume is checked and embedded once, in bounded memory.

Features that generation left beside the table are not made again. What is done is kept in a hidden folder until all of
it is, so a run that was stopped goes on.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from ...errors import StoreExistsError
from ...store import write_atomic
from ...store.processes import in_processes
from ..features.pieces import PieceFolder, piece_rows
from ..features.table import (
    FeatureReader,
    StoredFeatures,
    feature_files,
    packed,
    stored_features,
    unpacked,
    write_feature_file,
)
from .inspector import Inspector, column_of
from .plan import plan_pieces
from .samples import identity, read_reasons, write_samples

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from ...store import Cohort
    from ..features import FeatureExtractor
    from ..features.table import FeatureFile
    from .plan import Piece

    Progress = Callable[[int, int], None]

__all__ = ["Inspection", "inspect_store"]

_WORK: Final = "quality/.work"
"""Hidden, so that it is never taken for a part of the data set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What was found in a store, sample by sample.

    Attributes:
        ids: of all samples, in the order of the table.
        reasons: sample → codes; only those that have one.
        read: samples whose voxels were read by this run; the rest was known.
        failed: extractor → sample and why, for the first sample that it cannot embed.
    """

    ids: tuple[str, ...]
    reasons: Mapping[str, tuple[str, ...]]
    read: int
    failed: Mapping[str, str]


def inspect_store(
    cohort: Cohort,
    extractors: Sequence[FeatureExtractor],
    *,
    workers: int = 1,
    progress: Progress | None = None,
    again: bool = False,
) -> Inspection:
    """Checks every sample of a store, and completes its features.

    Args:
        cohort: the whole store, in a folder of this machine.
        extractors: whose features it shall have.
        workers: processes.
        progress: called with samples done and in all.
        again: check and embed anew what was done before.

    Raises:
        StoreNotFoundError: the store is not on this machine.
        StoreExistsError: another inspection is at work on it.
        CorruptError: bytes of it are wrong; it names the file and the samples.
        GenerationError: a worker died.
    """
    from filelock import FileLock, Timeout

    work = cohort.path / _WORK
    work.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(work / "lock", timeout=0):
            done = _inspect(cohort, extractors, work, workers=workers, progress=progress, again=again)
    except Timeout:
        msg = f"another inspection is at work on {cohort.path}; wait for it, or stop it and run the same command again"
        raise StoreExistsError(msg) from None
    PieceFolder(work).clear()
    return done


def _inspect(
    cohort: Cohort,
    extractors: Sequence[FeatureExtractor],
    work: Path,
    *,
    workers: int,
    progress: Progress | None,
    again: bool,
) -> Inspection:
    ids = tuple(cohort.store.columns(["sample_id"])["sample_id"].to_pylist())
    known = None if again else read_reasons(cohort)
    reader = FeatureReader(cohort, () if again else extractors)
    names = {each.name for each in extractors}
    # features of other extractors that the table holds are kept
    others = [each for each in stored_features(cohort) if each.name not in names]
    whole = FeatureReader(cohort, others if again else [*extractors, *others])
    folder = _begun(PieceFolder(work), json.dumps([identity(cohort), again]))
    plan = {
        file: plan_pieces(file, reader.rows(file), extractors, size=_piece_rows(cohort), check=known is None)
        for file in feature_files(cohort.manifest)
    }
    pieces = [piece for some in plan.values() for piece in some]
    inspector = Inspector(cohort, tuple(extractors), folder)
    read = _run(inspector, pieces, workers=workers, progress=progress, total=len(ids))
    found = dict(known or {})
    failed: dict[str, str] = {}
    for file, some in plan.items():
        parts = {piece: folder.read(piece.name) for piece in some}
        if any(piece.lacking for piece in some):
            columns: list[FeatureExtractor | StoredFeatures] = [*extractors, *others]
            _complete(cohort, file, whole.rows(file), parts, extractors=columns, scratch=folder.scratch)
        for part in parts.values():
            failed = _failures(part) | failed
            if known is None:
                found |= dict(zip(part["sample_id"].to_pylist(), part["reasons"].to_pylist(), strict=True))
    found = {name: found[name] for name in ids}
    if pieces:
        write_samples(cohort, found, extractors, folder.scratch)
    reasons = {name: tuple(found[name]) for name in ids if found[name]}
    return Inspection(ids=ids, reasons=reasons, read=read, failed=failed)


def _begun(folder: PieceFolder, order: str) -> PieceFolder:
    """The folder with what an earlier run of the same order has done; what others left is removed."""
    path = folder.folder / "order.json"
    if not path.exists() or path.read_text() != order:
        for file in folder.folder.glob("*.parquet"):
            file.unlink()
        write_atomic(path, order.encode(), scratch=folder.scratch)
    return folder


def _piece_rows(cohort: Cohort) -> int:
    return piece_rows(int(np.prod(next(iter(cohort.specs.values())).shape)))


def _run(inspector: Inspector, pieces: Sequence[Piece], *, workers: int, progress: Progress | None, total: int) -> int:
    """Does what is not done yet; returns the samples that were read."""
    left = [piece for piece in pieces if not inspector.is_done(piece)]
    read = sum(piece.stop - piece.start for piece in left)
    done = total - read
    if progress and read:
        progress(done, total)
    for count in in_processes(inspector, left, workers=workers):
        done += count
        if progress:
            progress(done, total)
    return read


def _failures(part: pa.Table) -> dict[str, str]:
    return {name.decode(): reason.decode() for name, reason in (part.schema.metadata or {}).items()}


def _complete(
    cohort: Cohort,
    file: FeatureFile,
    there: pa.Table | None,
    parts: Mapping[Piece, pa.Table],
    *,
    extractors: Sequence[FeatureExtractor | StoredFeatures],
    scratch: Path,
) -> None:
    """Writes one file of the feature table: what was there, and what is new."""
    ids = cohort.store.columns(["sample_id"])["sample_id"].slice(file.first, file.rows)
    columns: dict[str, Any] = {"sample_id": ids.combine_chunks()}
    for each in extractors:
        values, known = np.zeros((file.rows, each.width), np.float32), np.zeros(file.rows, bool)
        if there is not None and each.name in there.column_names:
            values, known = unpacked(there[each.name], each.width)
        for piece, part in parts.items():
            if each.name in piece.lacking:
                rows = slice(piece.start - file.first, piece.stop - file.first)
                values[rows], known[rows] = unpacked(part[column_of(each)], each.width)
        columns[each.name] = packed(values, known)
    write_feature_file(
        cohort.path,
        file,
        pa.table(columns),
        manifest_sha256=cohort.manifest.digest,
        extractors=extractors,
        scratch=scratch,
    )
