"""Voxels of a store, read through zarr-python, the reference implementation of the format."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import CorruptError
from .files import ADVICE, file_size, read_whole
from .layout import safe_path, shard_path
from .parsing import parse_json
from .shards import index_bytes, parse_index
from .zarr_metadata import check_array_document

if TYPE_CHECKING:
    from pathlib import Path

    import zarr
    from numpy.typing import NDArray

    from .arrays import ArraySpec, Box
    from .manifest import Manifest

__all__ = ["Volumes"]

_MOST_ZARR_JSON_BYTES = 64 * 2**20


class Volumes:
    """The arrays of one store.

    Handles are opened on the first read and kept for one process: a copy in a forked or spawned worker opens its own.
    """

    __slots__ = ("_checked", "_handles", "_manifest", "_pid", "_root")

    def __init__(self, root: Path, manifest: Manifest) -> None:
        self._root = root
        self._manifest = manifest
        self._handles: dict[str, zarr.Array[Any]] = {}
        self._checked: dict[str, tuple[int, ...]] = {}
        self._pid = os.getpid()

    def __reduce__(self) -> tuple[Any, ...]:
        return Volumes, (self._root, self._manifest)

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

    def read(self, path: str, slot: int, box: Box | None = None) -> NDArray[Any]:
        """Read the voxels of one sample, or of a box in it.

        Args:
            path: folder of the array.
            slot: position of the sample in it.
            box: voxel ranges, ends excluded; None for the whole sample.

        Returns:
            ``(x, y, z)`` in the stored dtype; the caller may write to it.

        Raises:
            CorruptError: the shard file is missing, has another size than the manifest says, or cannot be decoded.
            IndexError: the box is empty or leaves the sample.
        """
        spec = self._manifest.arrays[path]
        x, y, z = _slices(box, spec.shape)
        array = self.array(path)
        shard = self.check_shard(path, slot)
        # a codec may raise anything when bytes are wrong
        try:
            voxels = array[slot, x, y, z]
        except MemoryError:
            raise
        except Exception as error:
            if isinstance(error, OSError) and error.errno:
                raise
            msg = f"{shard} cannot be decoded ({str(error)[:200]}); {ADVICE}"
            raise CorruptError(msg, kind="checksum", path=shard) from error
        return np.ascontiguousarray(voxels, dtype=spec.dtype)

    def check_shard(self, path: str, slot: int) -> str:
        """Check that a sample's shard file is there whole, and its index sound.

        zarr-python reads a missing file, and a range of the index that is not in the file, as background. The index
        is looked at once for each state of the file.

        Returns:
            the file, relative to the store.

        Raises:
            CorruptError: missing, of another size than the manifest says, or with an index that is wrong.
        """
        split, _, name = path.removeprefix("volumes/").partition(".zarr/")
        shard = shard_path(split, name, slot // self._manifest.arrays[path].shard_samples)
        expected = self._manifest.files[shard].bytes
        file = safe_path(self._root, shard)
        if (size := file_size(file, shard)) != expected:
            msg = f"{shard} has {size} bytes, the manifest says {expected}; {ADVICE}"
            raise CorruptError(msg, kind="size", path=shard)
        status = file.stat()
        state = (status.st_ino, status.st_size, status.st_mtime_ns)
        if self._checked.get(shard) != state:
            self._check_index(file, shard, self._manifest.arrays[path])
            self._checked[shard] = state
        return shard

    def _check_index(self, file: Path, shard: str, spec: ArraySpec) -> None:
        with file.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - index_bytes(spec)))
            tail = stream.read(index_bytes(spec))
        try:
            parse_index(spec, tail, size)
        except ValueError as error:
            msg = f"{shard}: {error}; {ADVICE}"
            raise CorruptError(msg, kind="checksum", path=shard) from error

    def _open(self, path: str) -> zarr.Array[Any]:
        import zarr
        from zarr.storage import LocalStore

        spec, relative = self._manifest.arrays[path], f"{path}/zarr.json"
        split = path.removeprefix("volumes/").partition(".zarr/")[0]
        file = safe_path(self._root, relative)
        data = read_whole(file, relative, most=_MOST_ZARR_JSON_BYTES, record=self._manifest.files[relative])
        check_array_document(parse_json(data, relative), spec, self._manifest.splits[split].slots, relative)
        # not file.parent: in the cache of huggingface_hub each file is a link of its own
        return zarr.open_array(store=LocalStore(self._root / path, read_only=True), mode="r", zarr_format=3)


def _slices(box: Box | None, shape: tuple[int, int, int]) -> list[slice]:
    if box is None:
        return [slice(0, size) for size in shape]
    if len(box) != 3 or any(len(ends) != 2 for ends in box):
        msg = f"box must be ((x0, x1), (y0, y1), (z0, z1)), got {box}"
        raise IndexError(msg)
    for axis, (start, stop), size in zip("xyz", box, shape, strict=True):
        if not 0 <= start < stop <= size:
            msg = f"box must lie in the sample, of shape {shape}; along {axis} it is {start} to {stop}"
            raise IndexError(msg)
    return [slice(int(start), int(stop)) for start, stop in box]
