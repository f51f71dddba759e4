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

from ..errors import StoreExistsError
from ..store import write_atomic
from ..store.processes import in_processes
from ..store.rows import MEASURED
from .checks.meanings import CHECKS_ID
from .features.embedding import embed
from .features.iqm import IQM, ImageQuality
from .features.pieces import PieceFolder, piece_rows
from .features.table import FeatureReader, feature_columns, feature_files, packed, unpacked, write_feature_file
from .sample import check_sample
from .volume import volume_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from ..store import ArraySpec, Cohort
    from .features import FeatureExtractor
    from .features.table import FeatureFile

    Progress = Callable[[int, int], None]

__all__ = ["SAMPLES_NAME", "Inspection", "inspect_store", "read_reasons"]

SAMPLES_NAME: Final = "quality/samples.parquet"
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


def read_reasons(cohort: Cohort) -> dict[str, tuple[str, ...]] | None:
    """What the last inspection found: sample → codes, empty for a sound one. None if there was none like it."""
    import pyarrow.parquet as pq

    path = cohort.path / SAMPLES_NAME
    try:
        rows = pq.read_table(pa.BufferReader(path.read_bytes()), columns=["sample_id", "reasons"])
    except (OSError, pa.ArrowException, ValueError):
        return None
    if (rows.schema.metadata or {}).get(b"inspection", b"").decode() != _identity(cohort):
        return None
    found = zip(rows["sample_id"].to_pylist(), rows["reasons"].to_pylist(), strict=True)
    return {sample_id: tuple(reasons) for sample_id, reasons in found}


def _identity(cohort: Cohort) -> str:
    return json.dumps({"checks": CHECKS_ID, "manifest_sha256": cohort.manifest.digest}, sort_keys=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """Some rows of the whole table, and what is to be done with them.

    Attributes:
        start, stop: rows.
        check: they are checked.
        lacking: names of the extractors that some of them have no vector of.
    """

    start: int
    stop: int
    check: bool
    lacking: tuple[str, ...]

    @property
    def name(self) -> str:
        """Of its file in the work folder."""
        return f"{self.start:010d}-{self.stop:010d}"


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
    folder = _begun(PieceFolder(work), json.dumps([_identity(cohort), again]))
    plan = {
        file: _pieces(file, reader.rows(file), extractors, size=_piece_rows(cohort), check=known is None)
        for file in feature_files(cohort.manifest)
    }
    pieces = [piece for some in plan.values() for piece in some]
    inspector = _Inspector(cohort, tuple(extractors), folder)
    read = _run(inspector, pieces, workers=workers, progress=progress, total=len(ids))
    found, failed = dict(known or {}), {}
    for file, some in plan.items():
        parts = {piece: folder.read(piece.name) for piece in some}
        if any(piece.lacking for piece in some):
            _complete(cohort, file, reader.rows(file), parts, extractors=extractors, scratch=folder.scratch)
        for part in parts.values():
            failed = _failures(part) | failed
            if known is None:
                found |= dict(zip(part["sample_id"].to_pylist(), part["reasons"].to_pylist(), strict=True))
    found = {name: found[name] for name in ids}
    if known is None:
        _write_samples(cohort, found, extractors, folder.scratch)
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


def _pieces(
    file: FeatureFile, there: pa.Table | None, extractors: Sequence[FeatureExtractor], *, size: int, check: bool
) -> list[_Piece]:
    """What is to be done for the rows of one file. Pure."""
    pieces = []
    for start in range(0, file.rows, size):
        stop = min(start + size, file.rows)
        lacking = tuple(each.name for each in extractors if _lacks(there, each.name, start, stop))
        if check or lacking:
            pieces.append(_Piece(start=file.first + start, stop=file.first + stop, check=check, lacking=lacking))
    return pieces


def _lacks(there: pa.Table | None, name: str, start: int, stop: int) -> bool:
    if there is None or name not in there.column_names:
        return True
    return bool(there[name].slice(start, stop - start).null_count)


def _run(
    inspector: _Inspector, pieces: Sequence[_Piece], *, workers: int, progress: Progress | None, total: int
) -> int:
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


class _Inspector:
    """Checks and embeds the samples of a piece; goes to worker processes as it is."""

    def __init__(self, cohort: Cohort, extractors: tuple[FeatureExtractor, ...], folder: PieceFolder) -> None:
        self.cohort, self.extractors, self.folder = cohort, extractors, folder

    def is_done(self, piece: _Piece) -> bool:
        """Whether an earlier run has done all that is to be done."""
        if piece.name not in self.folder:
            return False
        names = self.folder.read(piece.name).column_names
        wanted = {self._column(each) for each in self._wanted(piece)} | ({"reasons"} if piece.check else set())
        return wanted <= set(names)

    def __call__(self, piece: _Piece) -> int:
        wanted = self._wanted(piece)
        names = [*self.cohort.conditions, *self.cohort.measures]
        rows = self.cohort.store.columns(["sample_id", *names]).slice(piece.start, piece.stop - piece.start).to_pylist()
        vectors: dict[str, list[NDArray[np.float32] | None]] = {each.name: [] for each in wanted}
        reasons, failed = [], {}
        for place, row in enumerate(rows):
            stored = {name: self.cohort.store.read(piece.start + place, name, None) for name in self.cohort.specs}
            volume = volume_of(stored, self.cohort.specs)
            if piece.check:
                reasons.append(self._check(row, stored, volume.image))
            found, why = embed(volume, wanted)
            for name, vector in found.items():
                vectors[name].append(vector)
            failed = {name: f"{row['sample_id']}: {reason}" for name, reason in why.items()} | failed
        table = feature_columns([row["sample_id"] for row in rows], vectors, wanted)
        table = table.rename_columns(["sample_id", *map(self._column, wanted)])
        if piece.check:
            table = table.append_column("reasons", pa.array(reasons, pa.list_(pa.string())))
        self.folder.write(piece.name, table.replace_schema_metadata(failed or None))
        return len(rows)

    def _wanted(self, piece: _Piece) -> list[FeatureExtractor]:
        return [each for each in self.extractors if each.name in piece.lacking]

    def _column(self, extractor: FeatureExtractor) -> str:
        return f"{extractor.name} {extractor.feature_id}"

    def _check(
        self, row: Mapping[str, Any], stored: Mapping[str, NDArray[Any]], image: NDArray[np.float32]
    ) -> tuple[str, ...]:
        specs = self.cohort.specs
        values = {name: _values(name, stored[name], image, spec) for name, spec in specs.items()}
        measured = {name.removeprefix(MEASURED): row[name] for name in self.cohort.measures if row[name] is not None}
        ordered = {name: row[name] for name in self.cohort.conditions if row[name] is not None}
        return check_sample(values, specs, measured=measured, ordered=ordered)


def _values(name: str, stored: NDArray[Any], image: NDArray[np.float32], spec: ArraySpec) -> NDArray[Any]:
    """What the integers of an array mean."""
    if spec.kind == "label" or name == "image":
        return stored if spec.kind == "label" else image
    return stored.astype(np.float32) * np.float32(spec.scale) + np.float32(spec.offset)


def _failures(part: pa.Table) -> dict[str, str]:
    return {name.decode(): reason.decode() for name, reason in (part.schema.metadata or {}).items()}


def _complete(
    cohort: Cohort,
    file: FeatureFile,
    there: pa.Table | None,
    parts: Mapping[_Piece, pa.Table],
    *,
    extractors: Sequence[FeatureExtractor],
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
                values[rows], known[rows] = unpacked(part[f"{each.name} {each.feature_id}"], each.width)
        columns[each.name] = packed(values, known)
    write_feature_file(
        cohort.path,
        file,
        pa.table(columns),
        manifest_sha256=cohort.manifest.digest,
        extractors=extractors,
        scratch=scratch,
    )


def _write_samples(
    cohort: Cohort, found: Mapping[str, Sequence[str]], extractors: Sequence[FeatureExtractor], scratch: Path
) -> None:
    """One row a sample: its codes, and its figures of image quality, for people to sort by."""
    import pyarrow.parquet as pq

    ids = list(found)
    columns: dict[str, Any] = {
        "sample_id": pa.array(ids, pa.string()),
        "reasons": pa.array([list(found[name]) for name in ids], pa.list_(pa.string())),
    }
    for each in extractors:
        if each.name == ImageQuality.name:
            figures = _figures(cohort, each)
            columns |= {name: pa.array(figures[:, place]) for place, name in enumerate(IQM)}
    rows = pa.table(columns).replace_schema_metadata({"synthetic": "true", "inspection": _identity(cohort)})
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink, compression="zstd")
    write_atomic(cohort.path / SAMPLES_NAME, sink.getvalue().to_pybytes(), scratch=scratch)


def _figures(cohort: Cohort, extractor: FeatureExtractor) -> NDArray[np.float32]:
    """The figures of `IQM`, `(n, 7)`; NaN for a sample that has none."""
    reader, parts = FeatureReader(cohort, [extractor]), []
    for file in feature_files(cohort.manifest):
        rows = reader.rows(file)
        assert rows is not None
        values, there = unpacked(rows[extractor.name], extractor.width)
        values[~there] = np.nan
        parts.append(values[:, : len(IQM)])
    return np.concatenate(parts)
