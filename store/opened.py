"""What all cohorts of one store share: its manifest, its table, its reader."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ..errors import CorruptError, QueryError, StoreNotFoundError, VoxpressError
from .layout import array_path, parse_shard_path
from .reader import Reader
from .zarr_arrays import ZarrArrays

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import zarr
    from numpy.typing import NDArray

    from .arrays import Box
    from .cache import Cache
    from .manifest import Manifest
    from .sources import Source

__all__ = ["Locations", "OpenStore"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Locations:
    """Where the rows of a cohort are, known from the manifest alone.

    Attributes:
        splits: names of the splits.
        split: for each row its split, as a position in `splits`.
        slot: for each row its slot in the arrays of that split.
    """

    splits: tuple[str, ...]
    split: NDArray[np.int64]
    slot: NDArray[np.int64]


class OpenStore:
    """One store; rows here are those of its whole table.

    Args:
        source: where its files are.
        manifest: what it is.
        cache: where shards of a remote source are kept, if anywhere.
    """

    def __init__(self, source: Source, manifest: Manifest, cache: Cache | None = None) -> None:
        self.source = source
        self.manifest = manifest
        self.specs = manifest.specs
        self.reader = Reader(source, manifest, cache)
        self._columns: dict[str, pa.ChunkedArray] = {}
        self.count = sum(split.samples for split in manifest.splits.values())

    def __reduce__(self) -> tuple[Any, ...]:
        return OpenStore, (self.source, self.manifest, self.reader.cache)

    @property
    def root(self) -> Path:
        """Folder of a local store.

        Raises:
            StoreNotFoundError: it is remote.
        """
        from .sources import LocalSource

        if isinstance(self.source, LocalSource):
            return self.source.root
        msg = f"{self.source.url} is not a folder on this machine; download the data set first"
        raise StoreNotFoundError(msg)

    @cached_property
    def table(self) -> pa.Table:
        """All rows: splits in the manifest's order, in each the slots in order."""
        from .table import load_table

        return load_table(self.source, self.manifest)

    @cached_property
    def schema(self) -> pa.Schema:
        """Columns of the table; rows are not read for it."""
        if "table" in self.__dict__ or self.source.remote:
            return self.table.schema
        from .table import load_schema

        return load_schema(self.source, self.manifest)

    def columns(self, names: Sequence[str]) -> pa.Table:
        """Some columns of all rows, without the others where the whole table was not read before.

        Raises:
            QueryError: there is no such column.
        """
        if unknown := [name for name in names if name not in self.schema.names]:
            msg = f"there is no column {', '.join(unknown)}; the columns are {', '.join(self.schema.names)}"
            raise QueryError(msg)
        # over a network fetching the files takes longer than reading all of their columns
        if "table" in self.__dict__ or self.source.remote:
            return self.table.select(list(names))
        if missing := [name for name in names if name not in self._columns]:
            from .table import load_table

            loaded = load_table(self.source, self.manifest, columns=missing)
            self._columns.update(zip(missing, loaded.columns, strict=True))
        return pa.table({name: self._columns[name] for name in names})

    @cached_property
    def locations(self) -> Locations:
        """Split and slot of each row."""
        names = self.manifest.split_names
        slots = [self.manifest.sample_slots(name) for name in names]
        split = np.repeat(np.arange(len(names)), [len(part) for part in slots])
        return Locations(splits=names, split=split, slot=np.concatenate(slots) if slots else np.empty(0, np.int64))

    @cached_property
    def arrays(self) -> Mapping[str, zarr.Array[Any]]:
        """`split/array` → the array as Zarr has it."""
        return _Arrays(ZarrArrays(self.root, self.manifest), self.manifest)

    def read(self, row: int, name: str, box: Box | None) -> NDArray[Any]:
        """Voxels of a row."""
        where = self.locations
        split, slot = where.splits[where.split[row]], int(where.slot[row])
        try:
            return self.reader.read(array_path(split, name), slot, box)
        except CorruptError as error:
            raise self.told(error) from error

    def told(self, error: CorruptError) -> CorruptError:
        """The same error, with the samples that its file holds."""
        samples = self.samples_in(error.path)
        shown = ", ".join(samples[:4]) + (f" and {len(samples) - 4} more" if len(samples) > 4 else "")
        msg = f"{error} (in {self.source.url}{'; samples ' + shown if samples else ''})"
        return CorruptError(msg, kind=error.kind, path=error.path, samples=samples)

    def samples_in(self, file: str) -> tuple[str, ...]:
        """Ids of the samples of a shard file; none where the table cannot be read either."""
        split, _, shard = parse_shard_path(file) or ("", "", 0)
        if split not in self.manifest.splits:
            return ()
        where, size = self.locations, self.manifest.splits[split].shard_samples
        rows = np.flatnonzero((where.split == where.splits.index(split)) & (where.slot // size == shard))
        try:
            return tuple(self.table["sample_id"].take(rows).to_pylist())
        except VoxpressError:
            return ()


class _Arrays(Mapping[str, "zarr.Array[Any]"]):
    """`split/array` → open array."""

    def __init__(self, arrays: ZarrArrays, manifest: Manifest) -> None:
        self._arrays = arrays
        names = manifest.split_names
        self._paths = {f"{split}/{name}": array_path(split, name) for split in names for name in manifest.specs}

    def __getitem__(self, key: str) -> zarr.Array[Any]:
        return self._arrays.array(self._paths[key])

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)
