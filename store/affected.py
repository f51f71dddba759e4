"""Which samples a damaged file costs, known even where the table is damaged, from the copies of its files."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pyarrow as pa

from ..errors import VoxpressError
from .files import read_whole
from .layout import is_spare, parse_shard_path, safe_path, spare_path

if TYPE_CHECKING:
    from pathlib import Path

    from .manifest import Manifest

__all__ = ["Affected"]


class Affected:
    """The samples of each file of a local store.

    Args:
        root: folder of the store.
        manifest: what it should be.
    """

    def __init__(self, root: Path, manifest: Manifest) -> None:
        self._root, self._manifest = root, manifest
        self._ids = cache(self._read_ids)

    def by(self, file: str) -> tuple[str, ...]:
        """Ids of the samples that damage to a file affects.

        Args:
            file: path relative to the store.

        Returns:
            of a shard or a table those that are in it, of the metadata of a split all of the split, of a spare copy
            none, of anything else all; fewer where a table and its copy are both damaged.
        """
        if is_spare(file):
            return ()
        if (shard := parse_shard_path(file)) is not None:
            split, _, number = shard
            return self._in_shard(split, number) if split in self._manifest.splits else ()
        for split in self._manifest.split_names:
            tables = self._manifest.metadata_files(split)
            if file in tables:
                return self._ids(file) or ()
            if file.startswith(f"volumes/{split}.zarr/"):
                return self._in_split(split) or ()
        return tuple(id_ for split in self._manifest.split_names for id_ in self._in_split(split) or ())

    def _in_split(self, split: str) -> tuple[str, ...] | None:
        parts = [self._ids(file) for file in self._manifest.metadata_files(split)]
        return None if None in parts else tuple(id_ for part in parts for id_ in part or ())

    def _in_shard(self, split: str, number: int) -> tuple[str, ...]:
        size, ids = self._manifest.splits[split].shard_samples, self._in_split(split)
        slots = self._manifest.sample_slots(split)
        if ids is None or len(ids) != len(slots):
            return ()
        first, last = slots.searchsorted([number * size, (number + 1) * size])
        return ids[first:last]

    def _read_ids(self, file: str) -> tuple[str, ...] | None:
        """Ids in a file of the table, or else in its copy; None where both are damaged."""
        import pyarrow.parquet as pq

        record = self._manifest.files[file]
        for path in (file, spare_path(record.sha256)):
            try:
                data = read_whole(safe_path(self._root, path), path, most=record.bytes, record=record)
                column = pq.read_table(pa.BufferReader(data), columns=["sample_id"])["sample_id"]
            except (VoxpressError, pa.ArrowException, OSError):
                continue
            return tuple(map(str, column.to_pylist()))
        return None
