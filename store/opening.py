"""Opens a data set: on disk, on a server, or on the Hugging Face Hub."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..errors import CorruptError, FormatError, StoreNotFoundError
from .cohort import Cohort
from .collection import check_configuration, configurations, shown
from .layout import MANIFEST_NAME, WORK_FOLDER, parse_shard_path
from .manifest import MOST_MANIFEST_BYTES, Manifest
from .opened import OpenStore
from .sources import LocalSource, source_of
from .spare import check_manifest_is_spared
from .versions import address_of_latest, address_of_version

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from .cache import Cache
    from .sources import Source

__all__ = ["open", "open_named", "open_source"]

DEFAULT: Final = "default"
"""What `datasets` calls the configuration of a data set that has only one."""


def open(  # noqa: A001 - read as voxpress.open
    path: str | os.PathLike[str],
    name: str | None = None,
    *,
    cache: Cache | None = None,
    token: str | bool | None = None,
) -> Cohort:
    """Open a data set. Only its manifest is read.

    Args:
        path: folder that holds `voxpress.json`; or a URL of one (``https://``, ``s3://``, ``gs://``, ``az://``, or what
            `fsspec` knows); or ``org/name``, ``org/name@v1.0.0`` or ``hf://datasets/org/name`` on the Hugging Face Hub.
            Where `voxpress publish` has put versions beside each other, a folder or URL is the latest, and
            ``folder@v1.0.0`` a version.
        name: of one of several data sets there: a folder, such as ``"2mm"``.
        cache: keeps what is read of a remote data set on this machine, for later epochs and other jobs.
        token: for the Hub, instead of `HF_TOKEN` or the login; False for none. It is kept in memory only.

    Raises:
        StoreNotFoundError: there is none, or it is not finished, or none of this name.
        FormatError: it is not a store, or one of a newer format version.
        CorruptError: the manifest was edited or damaged.
        UnsafePathError: it names paths that lead out of it.
        RemoteError: the server cannot be reached, or refuses.
    """
    given = path
    source = source_of(path := address_of_version(path), token=token)
    try:
        return open_named(source, name, cache=cache)
    except StoreNotFoundError as error:
        if (latest := address_of_latest(path, source)) is not None:
            return open_named(source_of(latest, token=token), name, cache=cache)
        if isinstance(source, LocalSource) and name is None and (why := _why_not_found(source.root, str(given))):
            raise StoreNotFoundError(why) from error
        raise


def open_named(source: Source, name: str | None = None, *, cache: Cache | None = None) -> Cohort:
    """Open the data set that is at a source, or one of those that are; raises as `open` does."""
    if name is not None:
        check_configuration(name)
    if name is None or name == DEFAULT:
        try:
            return open_source(source, cache=cache)
        except StoreNotFoundError as error:
            if not (known := configurations(source)):
                raise
            if name not in known:
                raise StoreNotFoundError(_choose(source, name, known)) from error
    assert name is not None
    try:
        return open_source(source.below(name), cache=cache)
    except StoreNotFoundError as error:
        known = configurations(source)
        if name in known:
            raise
        raise StoreNotFoundError(_choose(source, name, known)) from error


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
    if isinstance(source, LocalSource):
        check_manifest_is_spared(source.root, manifest)
    if cache is not None and source.remote:
        shards = (record.bytes for path, record in manifest.files.items() if parse_shard_path(path))
        cache.check_limit(max(shards, default=0))
    return Cohort(OpenStore(source, manifest, cache))


def _choose(source: Source, name: str | None, known: tuple[str, ...]) -> str:
    if not known:
        return f"{source.url} has no configuration {name!r}: it is no collection of data sets; leave out the name"
    given = "holds data sets but is none itself" if name is None else f"has no configuration {name!r}"
    return f"{source.url} {given}; give the name of one of: {shown(known)}"


def _why_not_found(root: Path, given: str) -> str | None:
    if (root / WORK_FOLDER).is_dir():
        return f"the data set at {given!r} is unfinished; run the same command again that makes it, to resume it"
    if not root.exists():
        return f"there is nothing at {given!r} (looked for {root}); check the path"
    if configurations(LocalSource(root)):
        return None
    return f"{given!r} holds no {MANIFEST_NAME}, so it is not a finished voxpress data set; check the path"
