"""Real (or other) volumes that a data set is compared with: a store, a folder of NIfTI files, or a table of paths.

A reference reads one volume at a time, goes to worker processes as it is, and has a digest, so that what was computed
from it once can be kept.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

import numpy as np

from ..errors import FormatError, QualityError, QueryError, StoreNotFoundError
from ..store import MANIFEST_NAME, WORK_FOLDER
from ..store import open as open_store
from ..store.sheets import SHEET_ENDINGS, read_sheet
from .people import people_in, people_table
from .volume import Volume, volume_of

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from ..store import Cohort
    from .people import Values

__all__ = [
    "FileReference",
    "Reference",
    "StoreReference",
    "open_real",
    "open_reference",
    "people_of",
    "store_reference",
]

_SUBJECT: Final = "subject"
_LEAST_BACKGROUND: Final = 0.02
"""Share of the voxels that must have the value of all eight corners for it to be called the background."""


@runtime_checkable
class Reference(Protocol):
    """Volumes in a fixed order; picklable."""

    @property
    def source(self) -> str:
        """What was opened, for messages."""
        ...

    @property
    def ids(self) -> tuple[str, ...]:
        """One a volume, each of its own."""
        ...

    @property
    def subjects(self) -> tuple[str, ...]:
        """Whom each volume shows; the id where that is not known."""
        ...

    @property
    def digest(self) -> str:
        """Hex; another one as soon as a volume could be another."""
        ...

    def __len__(self) -> int: ...

    def volume(self, row: int) -> Volume:
        """Reads one volume.

        Raises:
            IndexError: there is none of this number.
            FormatError, CorruptError: it cannot be read; the message names it.
        """
        ...

    def volumes(self) -> Iterator[tuple[int, Volume]]:
        """Reads all, one after the other, each with its number."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class StoreReference:
    """The rows of a cohort; see `Reference`.

    Attributes:
        cohort: whose samples they are.
    """

    source: str
    ids: tuple[str, ...]
    subjects: tuple[str, ...]
    digest: str
    cohort: Cohort

    def __len__(self) -> int:
        return len(self.ids)

    def volume(self, row: int) -> Volume:
        """Reads one volume; see `Reference`."""
        _check_row(row, self)
        names = [name for name in ("image", "label") if name in self.cohort.specs]
        return volume_of({name: self.cohort.read(row, name) for name in names}, self.cohort.specs)

    def volumes(self) -> Iterator[tuple[int, Volume]]:
        """Reads all; see `Reference`."""
        return ((row, self.volume(row)) for row in range(len(self)))


@dataclass(frozen=True, kw_only=True, eq=False)
class FileReference:
    """NIfTI files; see `Reference`.

    Attributes:
        paths: of the volumes.
        labels: of their label maps; empty for none.
        people: column → one value a volume, of what the table says beside; see `people_of`.
        affine: as for `store.nifti.read_scan`.
    """

    source: str
    ids: tuple[str, ...]
    subjects: tuple[str, ...]
    digest: str
    paths: tuple[Path, ...]
    labels: tuple[Path | None, ...]
    affine: str = "agreed"
    people: Mapping[str, Values] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    def volume(self, row: int) -> Volume:
        """Reads one volume; see `Reference`."""
        from ..store.nifti import read_scan

        _check_row(row, self)
        scan = read_scan(self.paths[row], affine=self.affine)
        image = scan.values
        label = self.labels[row]
        return Volume(
            image=image,
            affine=scan.header.affine,
            background=background_of(image),
            label=None if label is None else self._label(label, image.shape),
        )

    def volumes(self) -> Iterator[tuple[int, Volume]]:
        """Reads all; see `Reference`."""
        return ((row, self.volume(row)) for row in range(len(self)))

    def _label(self, path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        from ..store.nifti import read_scan

        found = read_scan(path, affine=self.affine).values
        if found.shape != shape:
            msg = f"the label map {path} has the shape {found.shape}, its image {shape}; give one on the same grid"
            raise FormatError(msg)
        label = found.astype(np.uint8)
        if not np.array_equal(label, found):
            msg = f"the label map {path} holds values that are no integers of 0 to 255; give one that does"
            raise FormatError(msg)
        return label


def open_reference(
    path: str | os.PathLike[str],
    *,
    table: str | os.PathLike[str] | None = None,
    where: str | None = None,
    affine: str = "agreed",
) -> Reference:
    """Open volumes to compare with. No voxel is read.

    Args:
        path: a voxpress store (folder, URL or ``org/name``), a folder of NIfTI files (of a BIDS data set, without its
            derivatives; without label maps such as ``7_label.nii.gz`` beside ``7.nii.gz``), or a CSV, TSV or Parquet
            file with a column `path` (or `image`), relative to its folder, and perhaps `subject`, `label` (path of a
            label map) and `sample_id`. Other columns say who it is, such as `age` and `sex`.
        table: such a file, for a folder of NIfTI files: only what it names is read, by paths relative to the folder.
        where: only rows of a store for which this is true, such as ``split == 'train'``.
        affine: for NIfTI files whose sform and qform differ: which counts.

    Raises:
        StoreNotFoundError: there is nothing at the path.
        FormatError: no NIfTI file there, or a table without paths, or two volumes of one id.
        QueryError: `where` cannot be understood, is true for no row, or is given for files.

    Example:
        >>> reference = open_reference("brains/", where="split == 'train'")    # doctest: +SKIP
        >>> reference.volume(0).image.shape                                    # doctest: +SKIP
        (160, 224, 160)
    """
    place = Path(path).expanduser()
    is_table = place.name.endswith(SHEET_ENDINGS) and place.is_file()
    is_folder = place.is_dir() and not _is_store(place)
    if not is_table and not is_folder:
        if table is not None:
            msg = f"a table goes with a folder of NIfTI files, and {place} is none; leave the table out"
            raise QueryError(msg)
        return _of_store(path, where)
    if where is not None:
        msg = f"an expression chooses rows of a voxpress store, and {place} is none; give a table of the files instead"
        raise QueryError(msg)
    if is_table:
        return _of_table(place, place.parent, affine)
    return _of_table(Path(table), place, affine) if table is not None else _of_folder(place, affine)


def background_of(image: NDArray[np.float32]) -> float | None:
    """The value outside the body, if a scan says one: that of all eight corners, and of a share of all voxels.

    A scan that was masked has one; the air of one that was not is noise, whose corners differ.

    Args:
        image: (x, y, z).
    """
    corners = image[:: max(image.shape[0] - 1, 1), :: max(image.shape[1] - 1, 1), :: max(image.shape[2] - 1, 1)]
    value = float(corners.flat[0])
    if not (corners == corners.flat[0]).all() or np.mean(image == corners.flat[0]) < _LEAST_BACKGROUND:
        return None
    return value


def _is_store(folder: Path) -> bool:
    return any((folder / name).exists() for name in (MANIFEST_NAME, WORK_FOLDER, "versions.json"))


def open_real(
    path: str | os.PathLike[str], cohort: Cohort, *, table: str | os.PathLike[str] | None = None, done: str
) -> Reference:
    """Real volumes to compare a data set with.

    Args:
        path: as for `open_reference`.
        cohort: the data set.
        table: as for `open_reference`.
        done: what is done with the data set, for messages: it is judged, or audited.

    Raises:
        QualityError: they are the data set itself.
        StoreNotFoundError, FormatError: as `open_reference`.
    """
    reference = open_reference(path, table=table)
    if isinstance(reference, StoreReference) and reference.cohort.manifest.digest == cohort.manifest.digest:
        msg = f"{reference.source} is the data set that is {done}; give real volumes to compare it with"
        raise QualityError(msg)
    return reference


def people_of(reference: Reference) -> pa.Table | None:
    """One row a volume with what is known of whom it shows; None where nothing is."""
    if isinstance(reference, StoreReference):
        return reference.cohort.table
    if isinstance(reference, FileReference) and reference.people:
        return people_table(reference.people)
    return None


def _of_store(path: str | os.PathLike[str], where: str | None) -> StoreReference:
    cohort = open_store(path)
    if where is not None:
        cohort = cohort.where(where)
    if not len(cohort):
        msg = f"no sample of {cohort.url} is left to compare with{f' by {where!r}' if where else ''}; ask for others"
        raise QueryError(msg)
    return store_reference(cohort)


def store_reference(cohort: Cohort) -> StoreReference:
    """The rows of a cohort, to compare with."""
    ids = tuple(cohort.columns(["sample_id"])["sample_id"].to_pylist())
    subjects = ids
    if _SUBJECT in cohort.conditions:
        told = cohort.columns([_SUBJECT])[_SUBJECT].to_pylist()
        subjects = tuple(one if subject is None else str(subject) for one, subject in zip(ids, told, strict=True))
    rows = b"" if cohort.rows is None else np.ascontiguousarray(cohort.rows, "<i8").tobytes()
    digest = hashlib.sha256(f"store {cohort.manifest.digest}\n".encode() + rows).hexdigest()
    return StoreReference(source=cohort.url, ids=ids, subjects=subjects, digest=digest, cohort=cohort)


def _of_folder(folder: Path, affine: str) -> FileReference:
    from ..store.nifti import find_scans
    from ..store.nifti.finding import without_label_maps

    scans = without_label_maps(find_scans(folder))
    files = [scan.relative for scan in scans]
    subjects = [f"sub-{scan.subject}" if scan.subject else "" for scan in scans]
    return _of_files(folder, files, subjects=subjects, labels=[""] * len(files), ids=_ids(files), affine=affine)


def _of_table(table: Path, folder: Path, affine: str) -> FileReference:
    sheet = read_sheet(table)
    columns = sheet.columns
    paths = next((columns[name] for name in ("path", "image") if name in columns), None)
    if paths is None:
        msg = f"{table} has no column path (or image) with the NIfTI files; it has {', '.join(columns)}"
        raise FormatError(msg)
    if not paths or not all(paths):
        missing = f"no path in row {paths.index('') + 1}" if paths else "no row"
        msg = f"{table} has {missing}; complete it"
        raise FormatError(msg)
    empty = [""] * len(paths)
    return _of_files(
        folder,
        paths,
        subjects=columns.get(_SUBJECT, empty),
        labels=columns.get("label", empty),
        ids=columns.get("sample_id") or _ids(paths),
        affine=affine,
        people=people_in(sheet),
    )


def _of_files(
    folder: Path,
    files: Sequence[str],
    *,
    subjects: Sequence[str],
    labels: Sequence[str],
    ids: Sequence[str],
    affine: str,
    people: Mapping[str, Values] | None = None,
) -> FileReference:
    if twice := [one for one, count in Counter(ids).items() if count > 1 or not one]:
        msg = f"{folder} has {Counter(ids)[twice[0]]} volumes with the id {twice[0]!r}; each needs one of its own"
        raise FormatError(msg)
    paths = [folder / file for file in files]
    label_paths = [folder / file if file else None for file in labels]
    whom = tuple(subject or one for subject, one in zip(subjects, ids, strict=True))
    digest = hashlib.sha256(f"files {affine}\n".encode())
    for row in zip(ids, whom, files, labels, paths, label_paths, strict=True):
        digest.update("\t".join([*map(str, row[:4]), *map(_state, row[4:])]).encode() + b"\n")
    return FileReference(
        source=str(folder),
        ids=tuple(ids),
        subjects=whom,
        digest=digest.hexdigest(),
        paths=tuple(paths),
        labels=tuple(label_paths),
        affine=affine,
        people=people or {},
    )


def _state(path: Path | None) -> str:
    """Size and time of a file, which are others once its content is."""
    if path is None:
        return ""
    try:
        status = path.stat()
    except FileNotFoundError as error:
        msg = f"there is no file {path}, which the reference names; mend its path"
        raise StoreNotFoundError(msg) from error
    return f"{status.st_size} {status.st_mtime_ns}"


def _ids(files: Sequence[str]) -> list[str]:
    """Names of files, or their paths where names are not unique; without endings."""
    from ..store.nifti import scan_name

    names = [scan_name(file) or file for file in files]
    if len(set(names)) == len(names):
        return names
    return [f"{file.rpartition('/')[0]}/{name}".lstrip("/") for file, name in zip(files, names, strict=True)]


def _check_row(row: int, reference: Any) -> None:
    if not 0 <= row < len(reference):
        msg = f"volume {row} of {len(reference)} of {reference.source}"
        raise IndexError(msg)
