"""Arrays of a local store as zarr-python has them, for people who want Zarr itself; voxpress reads with `reader`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from .files import read_whole
from .layout import array_zarr_json_path, safe_path, split_and_name
from .parsing import parse_json
from .zarr_metadata import check_array_document

if TYPE_CHECKING:
    from pathlib import Path

    import zarr

    from .manifest import Manifest

__all__ = ["ZarrArrays"]

_MOST_ZARR_JSON_BYTES = 64 * 2**20


class ZarrArrays:
    """Open arrays of one store.

    Handles are opened on first use and kept for one process: a copy in a forked or spawned worker opens its own.
    """

    __slots__ = ("_handles", "_manifest", "_pid", "_root")

    def __init__(self, root: Path, manifest: Manifest) -> None:
        self._root = root
        self._manifest = manifest
        self._handles: dict[str, zarr.Array[Any]] = {}
        self._pid = os.getpid()

    def __reduce__(self) -> tuple[Any, ...]:
        return ZarrArrays, (self._root, self._manifest)

    def array(self, path: str) -> zarr.Array[Any]:
        """Open an array for reading.

        Args:
            path: its folder, a key of `Manifest.arrays`.

        Raises:
            CorruptError: its `zarr.json` is missing or is not what the manifest says.
            FormatError: its `zarr.json` contradicts the manifest.
        """
        if self._pid != os.getpid():
            self._handles, self._pid = {}, os.getpid()
        if path not in self._handles:
            self._handles[path] = self._open(path)
        return self._handles[path]

    def _open(self, path: str) -> zarr.Array[Any]:
        import zarr
        from zarr.storage import LocalStore

        split, name = split_and_name(path)
        spec, relative = self._manifest.arrays[path], array_zarr_json_path(split, name)
        file = safe_path(self._root, relative)
        data = read_whole(file, relative, most=_MOST_ZARR_JSON_BYTES, record=self._manifest.files[relative])
        check_array_document(parse_json(data, relative), spec, self._manifest.splits[split].slots, relative)
        # not file.parent: in the cache of huggingface_hub each file is a link of its own
        return zarr.open_array(store=LocalStore(self._root / path, read_only=True), mode="r", zarr_format=3)
