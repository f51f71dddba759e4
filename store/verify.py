"""Holding every file of a store against its manifest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import CorruptError, FormatError, UnsafePathError, VoxpressError
from .affected import Affected
from .extents import boxes_of
from .files import ADVICE, file_size, files_below, hash_file
from .layout import MANIFEST_NAME, array_zarr_json_path, is_editable, safe_path
from .parsing import parse_json
from .spare import spare_files
from .vouched import open_vouched
from .zarr_metadata import check_array_document

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from .cohort import Cohort
    from .files import FileRecord

    Progress = Callable[[int, int], None]

__all__ = ["Problem", "VerifyReport", "check", "verify"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong with a store.

    Attributes:
        kind: `missing`, `size`, `checksum`, `unlisted`, `unsafe` (a link that leads out) or `format` (contradiction).
        path: the file, relative to the store.
        samples: ids of the samples that it affects, as far as they are known (see `Affected`).
        message: what happened and what to do next.
    """

    kind: str
    path: str
    samples: tuple[str, ...] = ()
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyReport:
    """Outcome of `verify`.

    Attributes:
        files, bytes: how many were checked: those that the manifest lists, and the spare copies.
        samples: that the data set should have.
        problems: what is wrong; empty for a sound store.
    """

    files: int
    bytes: int
    samples: int
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def verify(path: str | os.PathLike[str], *, progress: Progress | None = None) -> VerifyReport:
    """Check size and sha256 of every listed file and of the spare copies, and look for files that are not listed.

    Also checks that `zarr.json` and manifest agree, that the rows are those of the slots that are not holes, and that
    their boxes lie in the samples.

    Args:
        path: folder of the store.
        progress: called with bytes done and bytes in all.

    Raises:
        StoreNotFoundError: there is none, or it is not finished.
        CorruptError, FormatError, UnsafePathError: the manifest is damaged, and so is the copy of it, or there is none;
            all else is a `Problem`.
    """
    cohort, damage = open_vouched(path)
    return check(cohort, damage, progress=progress)


def check(cohort: Cohort, damage: CorruptError | None = None, *, progress: Progress | None = None) -> VerifyReport:
    """Hold a folder against the manifest that it should have, as `verify` does.

    Args:
        cohort: by that manifest.
        damage: what is wrong with the manifest that is there.
        progress: as for `verify`.
    """
    files = {**cohort.manifest.files, **spare_files(cohort.manifest)}
    total = sum(record.bytes for record in files.values())
    problems = [*_told(cohort, damage), *_check_files(cohort, files, total, progress), *_unlisted(cohort, files)]
    broken = {problem.path for problem in problems}
    problems += [*_check_arrays(cohort, broken), *_check_rows(cohort, broken)]
    samples = sum(split.samples for split in cohort.manifest.splits.values())
    return VerifyReport(files=len(files), bytes=total, samples=samples, problems=tuple(problems))


def _told(cohort: Cohort, damage: CorruptError | None) -> Iterator[Problem]:
    if damage is not None:
        samples = Affected(cohort.path, cohort.manifest).by(MANIFEST_NAME)
        yield Problem(kind=damage.kind, path=MANIFEST_NAME, samples=samples, message=str(damage))


def _check_files(
    cohort: Cohort, files: Mapping[str, FileRecord], total: int, progress: Progress | None
) -> Iterator[Problem]:
    done, affected = 0, Affected(cohort.path, cohort.manifest)
    for relative, record in sorted(files.items()):
        try:
            _check_file(cohort.path, relative, record, _from(done, total, progress))
        except CorruptError as error:
            yield Problem(kind=error.kind, path=relative, samples=affected.by(relative), message=str(error))
        except UnsafePathError as error:
            yield Problem(kind="unsafe", path=relative, samples=affected.by(relative), message=str(error))
        done += record.bytes
        if progress:
            progress(done, total)


def _from(start: int, total: int, progress: Progress | None) -> Callable[[int], None] | None:
    """Progress within one file, given what was done before it."""
    return progress and (lambda done: progress(start + done, total))


def _check_file(root: Path, relative: str, record: FileRecord, progress: Callable[[int], None] | None) -> None:
    file = safe_path(root, relative)
    if (size := file_size(file, relative)) != record.bytes:
        msg = f"{relative} has {size} bytes, the manifest says {record.bytes}; {ADVICE}"
        raise CorruptError(msg, kind="size", path=relative)
    if hash_file(file, progress=progress) != record:
        msg = f"{relative} does not have the sha256 of the manifest; {ADVICE}"
        raise CorruptError(msg, kind="checksum", path=relative)


def _unlisted(cohort: Cohort, files: Mapping[str, FileRecord]) -> Iterator[Problem]:
    """Files that nobody vouches for; links to folders are named, not followed."""
    for relative in sorted(files_below(cohort.path)):
        if relative in files or relative == MANIFEST_NAME or is_editable(relative):
            continue
        msg = f"{relative} is not in the manifest, so no part of this data set; remove it, or write a new version"
        yield Problem(kind="unlisted", path=relative, message=msg)


def _check_arrays(cohort: Cohort, broken: set[str]) -> Iterator[Problem]:
    manifest, affected = cohort.manifest, Affected(cohort.path, cohort.manifest)
    for split in manifest.split_names:
        for spec in cohort.specs.values():
            relative = array_zarr_json_path(split, spec.name)
            if relative in broken:
                continue
            try:
                document = parse_json(safe_path(cohort.path, relative).read_bytes(), relative)
                check_array_document(document, spec, manifest.splits[split].slots, relative)
                _check_holes(document["attributes"].get("holes"), manifest.holes(split), relative)
                _check_synthetic(document["attributes"].get("synthetic"), relative, synthetic=manifest.synthetic)
            except FormatError as error:
                yield Problem(kind="format", path=relative, samples=affected.by(relative), message=str(error))


def _check_holes(found: object, expected: list[int], relative: str) -> None:
    if found != expected:
        msg = f"{relative}: attributes.holes must be the rejected slots {str(expected)[:200]}, got {str(found)[:200]}"
        raise FormatError(msg)


def _check_synthetic(found: object, relative: str, *, synthetic: bool) -> None:
    if found is not synthetic:
        msg = f"{relative}: attributes.synthetic must be {synthetic} as in the manifest, got {str(found)[:200]}"
        raise FormatError(msg)


def _check_rows(cohort: Cohort, broken: set[str]) -> Iterator[Problem]:
    if any(path in broken for split in cohort.manifest.splits for path in cohort.manifest.metadata_files(split)):
        return
    try:
        for spec in cohort.specs.values():
            boxes_of(cohort.table, spec.name, shape=spec.shape)
    except VoxpressError as error:
        yield Problem(kind="format", path="metadata", message=str(error))
