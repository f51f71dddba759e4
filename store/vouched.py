"""Opens a folder whose manifest may be damaged, to say what is wrong with it or to mend it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import CorruptError, StoreNotFoundError, UnsafePathError, VoxpressError
from .cohort import Cohort
from .files import ADVICE, read_whole
from .layout import MANIFEST_NAME, WORK_FOLDER, safe_path, spare_manifest_path
from .manifest import MOST_MANIFEST_BYTES, Manifest
from .opened import OpenStore
from .opening import open as open_store
from .sources import LocalSource, source_of
from .spare import spared_manifests

if TYPE_CHECKING:
    import os
    from pathlib import Path

__all__ = ["manifest_damage", "open_vouched"]


def open_vouched(path: str | os.PathLike[str]) -> tuple[Cohort, CorruptError | None]:
    """Open a data set by its manifest or, where that is damaged, by the copy of it.

    Args:
        path: folder of the store.

    Returns:
        the data set as it should be; and what is wrong with its `voxpress.json`, None if nothing is.

    Raises:
        StoreNotFoundError: there is none, it is not finished, or not on this machine.
        CorruptError, FormatError, UnsafePathError: the manifest is damaged, and there is no sound copy of it.
    """
    try:
        cohort = open_store(path)
    except VoxpressError as error:
        source = source_of(path)
        if isinstance(source, LocalSource) and not (source.root / WORK_FOLDER / "order.json").exists():
            # two are none: nothing says which of them the folder belongs to
            copies = [copy for digest in spared_manifests(source.root) if (copy := _copy(source.root, digest))]
            if len(copies) == 1:
                return Cohort(OpenStore(source, copies[0])), manifest_damage(error)
        raise
    # raises for one that is elsewhere
    _ = cohort.path
    return cohort, None


def _copy(root: Path, digest: str) -> Manifest | None:
    """The copy of a manifest, if it is sound."""
    path = spare_manifest_path(digest)
    try:
        data = read_whole(safe_path(root, path), path, most=MOST_MANIFEST_BYTES)
        manifest = Manifest.from_bytes(data, path)
    except VoxpressError:
        return None
    return manifest if manifest.digest == digest else None


def manifest_damage(error: VoxpressError) -> CorruptError:
    """What opening a data set raised, as what it tells of its `voxpress.json`."""
    if isinstance(error, StoreNotFoundError):
        return CorruptError(f"{MANIFEST_NAME} is missing; {ADVICE}", kind="missing", path=MANIFEST_NAME)
    if isinstance(error, CorruptError):
        return error
    kind = "unsafe" if isinstance(error, UnsafePathError) else "checksum"
    return CorruptError(str(error), kind=kind, path=MANIFEST_NAME)
