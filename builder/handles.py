"""Open stores of this process, one a root."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..errors import CorruptError, FormatError, RemoteError
from ..store import MANIFEST_NAME
from ..store import open as open_store
from ..store.layout import split_and_name
from ..store.sources.hub import hub_endpoint
from ..store.sources.process import PerProcess
from ..store.sources.secrets import keep_secret, secret_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ..store import ArraySpec, Cohort, Manifest
    from ..store.arrays import Box
    from ..store.cache import Cache
    from ..store.reader import Reader

__all__ = ["Handle", "along", "handle_of", "is_remote", "keep_cache", "take_along"]

_MOST_HANDLES = 64


class Handle:
    """What a lazy volume needs of its store."""

    __slots__ = ("_of_the_hub", "_root", "_slots", "cohort", "manifest", "reader")

    def __init__(self, cohort: Cohort, root: str) -> None:
        self._root = root
        self._of_the_hub = root.startswith("hf://")
        self.cohort = cohort
        self.manifest: Manifest = cohort.store.manifest
        self.reader: Reader = cohort.store.reader
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

    def check(self, path: str, slot: int) -> ArraySpec:
        """Spec of an array in which a slot holds a sample.

        Raises:
            FormatError: there is no such array, or the slot holds none.
        """
        spec = self.spec(path)
        self.check_slot(path, slot)
        return spec

    def read(self, path: str, slot: int, box: Box | None) -> NDArray[Any]:
        """Voxels of a sample, as `LazyVolume.read`."""
        self.check(path, slot)
        with self.told():
            return self.reader.read(path, slot, box)

    @contextmanager
    def told(self) -> Iterator[None]:
        """Say of wrong bytes which samples they are of, and of missing ones that the Hub may not be asked."""
        try:
            yield
        except CorruptError as error:
            from huggingface_hub import is_offline_mode

            if error.kind == "missing" and self._of_the_hub and is_offline_mode():
                msg = (
                    f"HF_HUB_OFFLINE is set, and {error.path} of {self._root} is not in the cache; download it with "
                    "huggingface_hub.snapshot_download(…, repo_type='dataset') while online"
                )
                raise RemoteError(msg) from error
            raise self.cohort.store.told(error) from error


class _Handles:
    """Those of one process."""

    def __init__(self) -> None:
        self.by_key: dict[tuple[object, ...], Handle] = {}
        self.opening = threading.Lock()


_HANDLES = PerProcess(_Handles)
_CACHES: dict[str, Cache] = {}


def is_remote(root: str) -> bool:
    """Whether a root is a URL rather than a folder."""
    return "://" in root


def keep_cache(root: str, cache: Cache | None) -> None:
    """Read volumes of a remote root through a cache from now on, or without one."""
    if cache is None:
        _CACHES.pop(root, None)
    else:
        _CACHES[root] = cache


def along(root: str) -> tuple[Any, ...]:
    """What a process that is started needs besides the root: its secret, which no other pickle holds, and its cache."""
    return secret_of(_secret_key(root)), _CACHES.get(root)


def take_along(root: str, secret: str | None, cache: Cache | None) -> None:
    """Undo `along` in the process that was started."""
    keep_secret(_secret_key(root), secret)
    if cache is not None:
        _CACHES.setdefault(root, cache)


def handle_of(root: str) -> Handle:
    """The store at a root, opened once a process.

    Keyed by process, as open files must not cross a fork; by the cache and the Hub; and by the state of the manifest,
    as a folder may be written anew.

    Raises:
        StoreNotFoundError: there is no finished store.
        RemoteError: it cannot be reached.
    """
    handles, cache = _HANDLES.get(), _CACHES.get(root)
    if is_remote(root):
        key: tuple[object, ...] = (_address(root), cache, hub_endpoint())
    else:
        # on the path of each read, so without Path
        key = (root, *_state(os.path.join(root, MANIFEST_NAME)))  # noqa: PTH118
    if (known := handles.by_key.get(key)) is not None:
        return known
    with handles.opening:
        if key not in handles.by_key:
            opened = Handle(open_store(_address(root), cache=cache), root)
            while len(handles.by_key) >= _MOST_HANDLES:
                del handles.by_key[next(iter(handles.by_key))]
            handles.by_key[key] = opened
        return handles.by_key[key]


def _address(root: str) -> str:
    """The root with user, password and query, if they were given in this process."""
    return root if root.startswith("hf://") else secret_of(root) or root


def _secret_key(root: str) -> str:
    return root.partition("@")[0] if root.startswith("hf://") else root


def _state(manifest: str) -> tuple[int, ...]:
    try:
        found = os.stat(manifest)  # noqa: PTH116 - on the path of each read
    except OSError:
        return ()
    return found.st_ino, found.st_size, found.st_mtime_ns
