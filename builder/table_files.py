"""The Parquet files of a data set, for `datasets`: where it finds them, and that they are those of the manifest.

On the Hub they stay where they are, as `datasets` reads them there by ranges and keeps them; from any other server they
are fetched, once, into a folder that is named after the manifest's digest.
"""

from __future__ import annotations

import glob
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from ..errors import CorruptError, RemoteError
from ..store import WORK_FOLDER, hash_file, safe_path, write_atomic
from ..store.files import FileRecord, check_record
from ..store.sources import LocalSource
from ..store.sources.hub import hub_api

if TYPE_CHECKING:
    from pathlib import Path

    from ..store import Cohort, Manifest
    from .places import OnHub, Place

__all__ = ["table_files"]

_MOST_PARQUET_BYTES: Final = 2 * 2**30
_REQUESTS: Final = 8
"""Files that are fetched at once."""


def table_files(place: Place, cache_dir: Path) -> dict[str, list[str]]:
    """Files of each split that has rows, in order, as paths or addresses for `datasets`.

    Args:
        place: of the data set.
        cache_dir: where fetched files are kept.

    Raises:
        CorruptError: a file is missing, or is not the one that the manifest names.
        RemoteError: the server failed.
    """
    manifest = place.cohort.manifest
    files = {split: paths for split in manifest.split_names if (paths := manifest.metadata_files(split))}
    source = place.cohort.store.source
    if isinstance(source, LocalSource):
        base = str(source.root)
        _check_local(place, files)
    elif place.hub:
        base = place.hub.root
        _check_hub(place.hub, manifest, files)
    else:
        base = str(_fetched(place.cohort, files, cache_dir))
    # `datasets` takes them for patterns
    return {split: [f"{glob.escape(base)}/{path}" for path in paths] for split, paths in files.items()}


def _check_local(place: Place, files: dict[str, list[str]]) -> None:
    source, manifest = place.cohort.store.source, place.cohort.manifest
    assert isinstance(source, LocalSource)
    for path in _all(files):
        if place.hub and not (source.root / path).exists():
            msg = (
                f"HF_HUB_OFFLINE is set, and the table of {place.hub.name} is not in the cache ({source.root}); "
                "load it once while online, or huggingface_hub.snapshot_download it"
            )
            raise RemoteError(msg)
        source.state(path, manifest.files[path].bytes)
        _check(hash_file(safe_path(source.root, path)), manifest, path, place.root)


def _check_hub(hub: OnHub, manifest: Manifest, files: dict[str, list[str]]) -> None:
    """Compare digests that the Hub knows, so that nothing is downloaded for it."""
    from huggingface_hub.hf_api import RepoFile

    start = f"{hub.folder}/" if hub.folder else ""
    paths = [start + path for path in _all(files)]
    try:
        told = hub_api(hub.name).get_paths_info(hub.name, paths, revision=hub.commit, repo_type="dataset")
    # errors of its HTTP library, which changes between versions
    except Exception as error:
        msg = f"the files of {hub.name} could not be looked up on the Hub ({type(error).__name__}); try again later"
        raise RemoteError(msg) from error
    found = {entry.path: entry for entry in told if isinstance(entry, RepoFile)}
    for path in _all(files):
        entry = found.get(start + path)
        if entry is None:
            msg = f"{path} is missing at {hub.root}, though the manifest names it; tell whoever published the data set"
            raise CorruptError(msg, kind="missing", path=path)
        # a small file may lie in git, of which only the size is told
        digest = entry.lfs.sha256 if entry.lfs else manifest.files[path].sha256
        _check(FileRecord(entry.size, digest), manifest, path, hub.root)


def _fetched(cohort: Cohort, files: dict[str, list[str]], cache_dir: Path) -> Path:
    source, manifest = cohort.store.source, cohort.manifest
    folder = cache_dir / "voxpress" / manifest.digest

    def fetch(path: str) -> None:
        target, record = folder / path, manifest.files[path]
        if target.is_file() and hash_file(target) == record:
            return
        data = source.read_all(path, most=min(record.bytes, _MOST_PARQUET_BYTES))
        check_record(data, path, record)
        write_atomic(target, data, scratch=folder / WORK_FOLDER)

    with ThreadPoolExecutor(_REQUESTS) as pool:
        list(pool.map(fetch, _all(files)))
    return folder


def _check(found: FileRecord, manifest: Manifest, path: str, root: str) -> None:
    if found != manifest.files[path]:
        msg = f"{path} at {root} is not the table that the manifest names; get the data set again from its source"
        raise CorruptError(msg, kind="checksum", path=path)


def _all(files: dict[str, list[str]]) -> list[str]:
    return [path for paths in files.values() for path in paths]
