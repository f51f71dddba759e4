"""Opens a data set: on disk, on a server, or on the Hugging Face Hub."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import CorruptError, FormatError, StoreNotFoundError
from .cohort import Cohort
from .layout import MANIFEST_NAME, WORK_FOLDER, parse_shard_path
from .manifest import MOST_MANIFEST_BYTES, Manifest
from .opened import OpenStore
from .sources import LocalSource, source_of

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from .cache import Cache
    from .sources import Source

__all__ = ["open", "open_source"]


def open(path: str | os.PathLike[str], *, cache: Cache | None = None) -> Cohort:  # noqa: A001 - read as voxpress.open
    """Open a data set. Only its manifest is read.

    Args:
        path: folder that holds `voxpress.json`; or a URL of one (``https://``, ``s3://``, ``gs://``, ``az://``); or
            ``org/name``, ``org/name@v1.0.0`` or ``hf://datasets/org/name`` on the Hugging Face Hub.
        cache: keeps what is read of a remote data set on this machine, for later epochs and other jobs.

    Raises:
        StoreNotFoundError: there is none, or it is not finished.
        FormatError: it is not a store, or one of a newer format version.
        UnsafePathError: it names paths that lead out of it.
        RemoteError: the server cannot be reached, or refuses.
    """
    source = source_of(path)
    try:
        return open_source(source, cache=cache)
    except StoreNotFoundError as error:
        if isinstance(source, LocalSource):
            raise StoreNotFoundError(_why_not_found(source.root, str(path))) from error
        raise


def open_source(source: Source, *, cache: Cache | None = None) -> Cohort:
    """Open the data set that is at a source; raises as `open` does."""
    try:
        data = source.read_all(MANIFEST_NAME, most=MOST_MANIFEST_BYTES)
    except CorruptError as error:
        if error.kind == "missing":
            msg = f"there is no {MANIFEST_NAME} at {source.url}, so it is not a finished data set; check the address"
            raise StoreNotFoundError(msg) from error
        raise FormatError(str(error)) from error
    manifest = Manifest.from_bytes(data, f"{source.url.rstrip('/')}/{MANIFEST_NAME}")
    if cache is not None and source.remote:
        shards = (record.bytes for path, record in manifest.files.items() if parse_shard_path(path))
        cache.check_limit(max(shards, default=0))
    return Cohort(OpenStore(source, manifest, cache))


def _why_not_found(root: Path, given: str) -> str:
    if (root / WORK_FOLDER).is_dir():
        return f"the data set at {given!r} is unfinished; run the same `voxpress generate` command again to resume it"
    if not root.exists():
        return f"there is nothing at {given!r} (looked for {root}); check the path"
    return f"{given!r} holds no {MANIFEST_NAME}, so it is not a finished voxpress data set; check the path"
