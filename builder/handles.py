"""Open stores of this process, one a folder."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..errors import FormatError, StoreNotFoundError
from ..store import MANIFEST_NAME
from ..store import open as open_store
from ..store.layout import split_and_name

if TYPE_CHECKING:
    from ..store import ArraySpec, Manifest
    from ..store.reader import Reader

__all__ = ["Handle", "handle_of", "is_remote"]

_MOST_HANDLES = 64
_handles: dict[tuple[object, ...], Handle] = {}


class Handle:
    """What a lazy volume needs of its store."""

    __slots__ = ("_slots", "manifest", "reader")

    def __init__(self, manifest: Manifest, reader: Reader) -> None:
        self.manifest = manifest
        self.reader = reader
        self._slots: dict[str, frozenset[int]] = {}

    def spec(self, path: str) -> ArraySpec:
        """Spec of an array.

        Raises:
            FormatError: the store has no array of this path.
        """
        if path not in self.manifest.arrays:
            msg = f"the row names the array {path[:200]!r}, which its data set does not have; load the data set again"
            raise FormatError(msg)
        return self.manifest.arrays[path]

    def check_slot(self, path: str, slot: int) -> None:
        """Refuse a slot that holds no sample: Zarr would read it as background.

        Raises:
            FormatError: out of range, or a hole.
        """
        split, _ = split_and_name(path)
        if split not in self._slots:
            self._slots[split] = frozenset(self.manifest.sample_slots(split).tolist())
        if slot not in self._slots[split]:
            msg = f"the row names slot {slot} of {path}, which holds no sample; load the data set again"
            raise FormatError(msg)


def is_remote(root: str) -> bool:
    """Whether a root is a URL rather than a folder."""
    return "://" in root


def handle_of(root: str) -> Handle:
    """The store in a folder, opened once a process.

    Keyed by process, as open files must not cross a fork, and by the state of the manifest, as a folder may be
    written anew.

    Raises:
        StoreNotFoundError: there is no finished store, or it is remote.
    """
    if is_remote(root):
        msg = (
            f"this version of voxpress reads voxels from local folders, not from {root}; download the data set with "
            "huggingface_hub.snapshot_download(repo_id, repo_type='dataset') and load that folder"
        )
        raise StoreNotFoundError(msg)
    key = (os.getpid(), root, *_state(os.path.join(root, MANIFEST_NAME)))  # noqa: PTH118 - on the path of each read
    if key not in _handles:
        store = open_store(root).store
        while len(_handles) >= _MOST_HANDLES:
            del _handles[next(iter(_handles))]
        _handles[key] = Handle(store.manifest, store.reader)
    return _handles[key]


def _state(manifest: str) -> tuple[int, ...]:
    try:
        found = os.stat(manifest)  # noqa: PTH116 - on the path of each read
    except OSError:
        return ()
    return found.st_ino, found.st_size, found.st_mtime_ns
