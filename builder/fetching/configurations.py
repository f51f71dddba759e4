"""Which data sets there are at an address: one, or those of a collection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ...errors import CorruptError, QueryError, StoreNotFoundError
from ...store import MANIFEST_NAME, write_atomic
from ...store import open as open_store
from ...store.collection import configurations as named_in
from ...store.layout import WORK_FOLDER
from ...store.sources import LocalSource, source_of
from ...store.versions import address_of_latest, address_of_version

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from ...store.sources import Source

__all__ = ["configurations", "copy_text", "source_at"]

_MOST_TEXT_BYTES: Final = 16 * 2**20


def source_at(path: str | os.PathLike[str]) -> Source:
    """Source of the data set, collection, or latest version that an address names; raises as `open`."""
    address = address_of_version(path)
    source = source_of(address)
    if not _has_manifest(source) and (latest := address_of_latest(address, source)) is not None:
        return source_of(latest)
    return source


def configurations(source: Source, wanted: str | None) -> list[str]:
    """Folders of the data sets; ``[""]`` where the source is one itself.

    Args:
        source: of a data set or a collection.
        wanted: only this one.

    Raises:
        StoreNotFoundError: there is no data set.
        QueryError: there is none of the wanted name.
    """
    if _has_manifest(source):
        if wanted is not None:
            msg = f"{source.url} is one data set and has no configuration {wanted!r}; leave that out"
            raise QueryError(msg)
        return [""]
    names = named_in(source)
    if wanted is not None and wanted not in names:
        msg = f"{source.url} has no configuration {wanted!r}; it has {', '.join(names) or 'none'}"
        raise QueryError(msg)
    found = [name for name in ([wanted] if wanted else names) if _has_manifest(source.below(name))]
    if not found:
        if isinstance(source, LocalSource):
            # which says more of a folder
            open_store(source.root)
        msg = f"there is no {MANIFEST_NAME} at {source.url}, so it is not a finished data set; check the address"
        raise StoreNotFoundError(msg)
    return found


def copy_text(source: Source, name: str, target: Path, *, scratch: Path | None = None) -> None:
    """Copy a text that nobody vouches for, if the source has it; one that is there already stays."""
    if (target / name).exists() or (data := _text(source, name)) is None:
        return
    work = scratch or target / WORK_FOLDER
    write_atomic(target / name, data, scratch=work)
    if scratch is None:
        work.rmdir()


def _has_manifest(source: Source) -> bool:
    try:
        source.read_into(MANIFEST_NAME, 0, memoryview(bytearray(1)))
    except CorruptError as error:
        if error.kind == "missing":
            return False
        raise
    return True


def _text(source: Source, name: str) -> bytes | None:
    try:
        return source.read_all(name, most=_MOST_TEXT_BYTES)
    except CorruptError:
        return None
