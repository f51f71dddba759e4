"""Fetches a data set from where it was published: all of it, some splits, or some samples.

What comes is a data set of its own. All of it has the bytes of the source, and its digest. Some splits have the files
of the source too, with a manifest that names only these. Some samples close up in new shards, with a table of their own
and the packed chunks of the source, so that only these travel; each is held against the digest of its voxels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ...errors import QueryError, StoreExistsError
from ...quality.gate import HTML_NAME, OVERRIDE_NAME, REPORT_NAME
from ...quality.parts import PARTS, part_path
from ...quality.rejects import REJECTS_NAME
from ...store import MANIFEST_NAME, Manifest, WorkFolder, differences, refuse_foreign, seal
from ...store.copied_files import copy_card
from ...store.layout import CARD_NAME, CARD_PICTURES, EDITABLE_FILES
from ...store.opening import open_source
from ...store.packed import PackedReader
from ...store.packing import Packing, plan_copy
from ...store.recode import Note, copy_rows
from ...store.work_folder import refuse_inside
from .configurations import configurations, copy_text, source_at
from .downloads import download, missing_downloads

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

    from ...store import Cohort, FileRecord

    Progress = Callable[[int, int, str], None]

__all__ = ["Fetched", "fetch"]

_GROUP: Final = "fetched"
_TRANSFERS: Final = 8
_QUALITY: Final = (
    REPORT_NAME,
    HTML_NAME,
    OVERRIDE_NAME,
    REJECTS_NAME,
    *(part_path(name) for name in PARTS),
    *CARD_PICTURES,
)
"""Of the whole data set, so no part of it has them: its manifest is another one. Features stay where they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What came.

    Attributes:
        manifests: folder below the target (``""`` for the target itself) → manifest of the data set in it.
        source_digests: the same → digest of what it was fetched from.
        finished_before: all of it was there.
    """

    manifests: Mapping[str, Manifest]
    source_digests: Mapping[str, str]
    finished_before: bool


def fetch(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    where: str | None = None,
    splits: Sequence[str] | None = None,
    config: str | None = None,
    transfers: int = _TRANSFERS,
    progress: Progress | None = None,
) -> Fetched:
    """Copy a data set, or a part of one, to a folder of this machine.

    Stopped at any time and called again, it goes on from what is there; called again on a finished copy it does
    nothing.

    Args:
        source: as for `open`; ``org/name@v1.0.0`` rather than ``org/name``, which may be another version tomorrow.
        target: folder of the copy: new, empty, or an earlier run of the same.
        where: only the samples for which this is true.
        splits: only these; None for all.
        config: which data set of a collection; None for all of them, each in a folder of its own.
        transfers: files, or ranges of shards, at a time.
        progress: told what is done and what is to be done, and in which unit: `B` or `samples`.

    Raises:
        StoreNotFoundError, FormatError, UnsafePathError, RemoteError: as `open`.
        QueryError: there is no such split or configuration, or `where` cannot be understood or is true for no sample.
        StoreExistsError: the target holds something else, or lies in the source.
        CorruptError: bytes of the source are wrong; what was committed before stays.
        DiskFullError: no room; make some and call it again.

    Example:
        >>> fetch("org/brains@v1.0.0", "ad/", where="diagnosis == 'AD'", splits=["train"])   # doctest: +SKIP
    """
    place, target = source_at(source), Path(target)
    folders = configurations(place, config)
    if folders != [""] and config is None:
        _refuse_other_collection(target, folders)
    done: dict[str, Manifest] = {}
    digests: dict[str, str] = {}
    made = False
    for folder in folders:
        cohort = open_source(place.below(folder) if folder else place)
        # one data set of a collection that was asked for by name goes to the target itself
        inside = "" if config else folder
        order = _Order(cohort, where, splits)
        done[inside], came = order.fetch(target / inside if inside else target, transfers, progress)
        digests[inside] = cohort.manifest.digest
        made |= came
    if len(done) > 1 or "" not in done:
        copy_text(place, CARD_NAME, target)
    return Fetched(manifests=done, source_digests=digests, finished_before=not made)


class _Order:
    """What is fetched of one data set."""

    def __init__(self, cohort: Cohort, where: str | None, splits: Sequence[str] | None) -> None:
        manifest = cohort.manifest
        names = manifest.split_names
        if unknown := sorted(set(splits or ()) - set(names)):
            msg = f"there is no split {', '.join(unknown)} at {cohort.url}; the splits are {', '.join(names)}"
            raise QueryError(msg)
        self._cohort = cohort
        self._where = where
        self._splits = tuple(name for name in names if splits is None or name in splits)
        self._whole = where is None and self._splits == names
        order = {"source_digest": manifest.digest, "splits": list(self._splits), "where": where or ""}
        # the path of a folder is of this machine, and none of anybody's business elsewhere
        more = {"source": cohort.url if cohort.store.source.remote else ""}
        self._note = Note(_GROUP, order, self._text(manifest), more)

    def fetch(self, target: Path, transfers: int, progress: Progress | None) -> tuple[Manifest, bool]:
        """Manifest of the copy, and whether this run did anything."""
        if self._where is not None:
            return self._fetch_samples(target, transfers, progress)
        return self._fetch_files(target, transfers, progress)

    def _fetch_samples(self, target: Path, transfers: int, progress: Progress | None) -> tuple[Manifest, bool]:
        assert self._where is not None
        cohort = self._cohort.where(self._where)
        names = cohort.locations.splits
        cohort = cohort.select(np.isin(cohort.locations.split, [names.index(name) for name in self._splits]))
        # as the data set is packed already
        plan = replace(plan_copy(cohort.manifest, cohort.locations, Packing(), whole=False), specs=cohort.specs)
        copied = copy_rows(
            cohort,
            plan,
            target,
            self._note,
            packed=PackedReader(cohort, transfers),
            progress=progress and (lambda done, total: progress(done, total, "samples")),
        )
        return copied.manifest, bool(copied.made)

    def _fetch_files(self, target: Path, transfers: int, progress: Progress | None) -> tuple[Manifest, bool]:
        manifest = self._manifest()
        if not self._cohort.store.source.remote:
            refuse_inside(target, self._cohort.path)
        refuse_foreign(target)
        if (target / MANIFEST_NAME).exists():
            _refuse_other(target, manifest)
            WorkFolder(target).clear()
            return manifest, False
        with WorkFolder(target) as work:
            work.start({_GROUP: self._note.order})
            source, missing = self._cohort.store.source, missing_downloads(target, manifest.files)
            counter = _Counter(manifest, missing, progress)
            download(source, target, missing, scratch=work.scratch, transfers=transfers, moved=counter.moved)
            copy_card(source, manifest, work, "" if self._whole else self._note.text)
            for name in (*sorted(EDITABLE_FILES - {CARD_NAME}), *_QUALITY) if self._whole else ():
                copy_text(source, name, target, scratch=work.scratch)
            seal(target, manifest, scratch=work.scratch)
            work.clear()
        return manifest, True

    def _manifest(self) -> Manifest:
        """Of the files that come."""
        source = self._cohort.manifest
        if self._whole:
            return source
        return replace(
            source,
            lock={**source.lock, _GROUP: {**self._note.order, **self._note.more}},
            splits={name: source.splits[name] for name in self._splits},
            arrays={path: spec for path, spec in source.arrays.items() if _split_of(path) in self._splits},
            rejected=tuple(each for each in source.rejected if each.split in self._splits),
            files={path: record for path, record in source.files.items() if self._is_wanted(path)},
        )

    def _is_wanted(self, path: str) -> bool:
        top = path.partition("/")[0]
        if top == "volumes":
            return _split_of(path) in self._splits
        if top == "metadata":
            return any(path in self._cohort.manifest.metadata_files(split) for split in self._splits)
        return True

    def _text(self, manifest: Manifest) -> str:
        chosen = f", samples with `{self._where.replace('`', '')}`" if self._where else ""
        return (
            f"\n## This copy\n\nA part of the data set with the digest `{manifest.digest}`, made by `voxpress fetch`: "
            f"split {', '.join(self._splits)}{chosen}.\n"
        )


class _Counter:
    """Bytes of all files, those of earlier runs included."""

    def __init__(self, manifest: Manifest, missing: Mapping[str, FileRecord], progress: Progress | None) -> None:
        self._total = sum(record.bytes for record in manifest.files.values())
        self._done = self._total - sum(record.bytes for record in missing.values())
        self._progress = progress
        self.moved(0)

    def moved(self, count: int) -> None:
        self._done += count
        if self._progress:
            self._progress(self._done, self._total, "B")


def _split_of(path: str) -> str:
    return path.removeprefix("volumes/").partition(".zarr/")[0]


def _refuse_other(target: Path, manifest: Manifest) -> None:
    """See that a finished copy is the one that is asked for; it may have come from another address."""
    there = Manifest.from_bytes((target / MANIFEST_NAME).read_bytes(), str(target / MANIFEST_NAME))
    order, ordered = (_without_source(each.lock.get(_GROUP)) for each in (there, manifest))
    if there.digest == manifest.digest or (ordered and order == ordered):
        return
    differing = "; ".join(differences(order, ordered, _GROUP)) or f"digest {there.digest} there"
    msg = f"the target {target} holds another data set ({differing}); give a folder that is new or empty"
    raise StoreExistsError(msg)


def _without_source(order: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if order is None else {name: value for name, value in order.items() if name != "source"}


def _refuse_other_collection(target: Path, folders: Sequence[str]) -> None:
    """See that a folder holds nothing but data sets of these names."""
    if target.exists() and not target.is_dir():
        msg = f"the target {target} is a file; give a folder that is new or empty"
        raise StoreExistsError(msg)
    known = {*folders, CARD_NAME}
    if target.is_dir() and (strange := sorted(each.name for each in target.iterdir() if each.name not in known)):
        msg = f"the target {target} is not empty ({', '.join(strange[:3])}); give a folder that is new or empty"
        raise StoreExistsError(msg)
