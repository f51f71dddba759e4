"""The handle of a data set: its table in Arrow, its voxels read when asked for."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import QueryError
from .opened import Locations, OpenStore
from .rows import MEASURED, condition_columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa
    import zarr
    from numpy.typing import NDArray

    from .arrays import ArraySpec, Box
    from .manifest import Manifest

__all__ = ["Cohort"]


class Cohort:
    """Rows of a data set, with their volumes.

    It is cheap to derive, to pickle and to send to worker processes: no voxel is held, and each process opens files
    of its own. Get one from `open`::

        cohort = voxpress.open("brains/")
        women = cohort.split("train").where("age >= 70 and sex == 'F'")
        women[0]["image"]                                   # numpy, (x, y, z)
        women.read(0, "image", box=((0, 32), (0, 32), (0, 32)))
    """

    __slots__ = ("_rows", "_store", "_table")

    def __init__(self, store: OpenStore, rows: NDArray[np.int64] | None = None) -> None:
        self._store = store
        self._rows = rows
        self._table: pa.Table | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return Cohort, (self._store, self._rows)

    def __len__(self) -> int:
        return self._store.count if self._rows is None else len(self._rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (self[row] for row in range(len(self)))

    def __getitem__(self, row: int) -> dict[str, Any]:
        """One sample: the columns of the table as Python values, and each array as numpy ``(x, y, z)``.

        Raises:
            IndexError: there is no such row.
            CorruptError: the bytes of its volumes are missing or wrong.
        """
        row = self._check_row(row)
        columns = [name for name in self.table.column_names if name not in self.specs]
        values: dict[str, Any] = self.table.select(columns).slice(row, 1).to_pylist()[0]
        return values | {name: self.read(row, name) for name in self.specs}

    def __repr__(self) -> str:
        sizes = self._split_sizes()
        whole = "" if len(self) == self._store.count else f" of {self._store.count:,}"
        parts = [
            f"{len(self):,}{whole} samples",
            "splits " + ", ".join(f"{name} {size:,}" for name, size in sizes.items()) if sizes else "no splits",
            "arrays " + ", ".join(f"{s.name} {s.dtype} {'x'.join(map(str, s.shape))}" for s in self.specs.values()),
        ]
        return f"<voxpress.Cohort {self.manifest.name} {self.manifest.version}: {'; '.join(parts)}>"

    @property
    def path(self) -> Path:
        """Folder of the store.

        Raises:
            StoreNotFoundError: it is not on this machine.
        """
        return self._store.root

    @property
    def url(self) -> str:
        """Folder or address of the store, without secrets."""
        return self._store.source.url

    @property
    def store(self) -> OpenStore:
        """What this cohort shares with all others of its data set: source, reader, whole table."""
        return self._store

    @property
    def manifest(self) -> Manifest:
        """What the data set is; `manifest.digest` is its identity."""
        return self._store.manifest

    @property
    def specs(self) -> Mapping[str, ArraySpec]:
        """Array name → shape, dtype, affine, scale, labels; `image` first."""
        return self._store.specs

    @property
    def affine(self) -> NDArray[np.float64]:
        """4×4, voxel index of the first array (the image) to mm in RAS+."""
        return np.asarray(next(iter(self.specs.values())).affine, dtype=np.float64)

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits that have rows here."""
        return tuple(self._split_sizes())

    @property
    def table(self) -> pa.Table:
        """One row a sample; nothing is decoded. Splits in order, in each the slots in order, unless selected otherwise.

        Raises:
            CorruptError: a Parquet file is missing or differs from the manifest.
            FormatError: the rows contradict the manifest.
        """
        if self._rows is None:
            return self._store.table
        if self._table is None:
            self._table = self._store.table.take(self._rows)
        return self._table

    def columns(self, names: Sequence[str]) -> pa.Table:
        """Some columns of the table; only these are read, if the whole was not before.

        Raises:
            QueryError: there is no such column.
        """
        table = self._store.columns(names)
        return table if self._rows is None else table.take(self._rows)

    @property
    def rows(self) -> NDArray[np.int64] | None:
        """Rows of the whole table that are here, in order; None for all."""
        return self._rows

    @property
    def conditions(self) -> tuple[str, ...]:
        """Columns of the table that say what was ordered."""
        return condition_columns(self._store.schema, self.specs)

    @property
    def measures(self) -> tuple[str, ...]:
        """Columns of the table that say what the volumes show, each ``measured_…``."""
        return tuple(name for name in self._store.schema.names if name.startswith(MEASURED))

    @property
    def locations(self) -> Locations:
        """Split and slot of each row, without reading the table."""
        whole = self._store.locations
        if self._rows is None:
            return whole
        return Locations(splits=whole.splits, split=whole.split[self._rows], slot=whole.slot[self._rows])

    @property
    def arrays(self) -> Mapping[str, zarr.Array[Any]]:
        """The arrays as Zarr has them, for reading only: `train/image` → array. They include holes."""
        return self._store.arrays

    def where(self, expression: str) -> Cohort:
        """Rows for which an expression is true, in the same order.

        Args:
            expression: as in `voxpress.store.where`, for example ``70 <= age < 80 and diagnosis in ['AD', 'MCI']``.

        Raises:
            QueryError: it cannot be understood, or names an unknown column.
        """
        from .where import matching_rows, named_columns

        names = named_columns(expression, self._store.schema)
        # an expression without columns still needs to know how many rows there are
        return self._take(matching_rows(self.columns(names or ["index"]), expression))

    def select(self, rows: slice | Sequence[int] | Sequence[bool] | NDArray[Any]) -> Cohort:
        """Rows by position, in the order given.

        Args:
            rows: a slice, positions (negative ones count from the end), or one boolean a row.

        Raises:
            IndexError: a position that does not exist, or a mask of another length.
            TypeError: neither integers nor booleans.
        """
        return self._take(_positions(rows, len(self)))

    def split(self, name: str) -> Cohort:
        """Rows of one split, in the same order.

        Raises:
            QueryError: the data set has no such split.
        """
        names = self._store.locations.splits
        if name not in names:
            msg = f"there is no split {name!r}; the splits are {', '.join(names)}"
            raise QueryError(msg)
        return self._take(np.flatnonzero(self.locations.split == names.index(name)))

    def read(self, row: int, name: str = "image", box: Box | None = None) -> NDArray[Any]:
        """Voxels of one row.

        Args:
            row: position; negative ones count from the end.
            name: of the array.
            box: voxel ranges ``((x0, x1), (y0, y1), (z0, z1))``, ends excluded; None for the whole volume.

        Returns:
            ``(x, y, z)`` in the stored dtype: ``value * spec.scale + spec.offset`` is in `spec.unit`.

        Raises:
            IndexError: there is no such row, or the box leaves the volume.
            KeyError: there is no such array.
            CorruptError: the bytes are missing or wrong; it names the file and the samples in it.
        """
        if name not in self.specs:
            msg = f"there is no array {name!r}; the arrays are {', '.join(self.specs)}"
            raise KeyError(msg)
        row = self._check_row(row)
        return self._store.read(row if self._rows is None else int(self._rows[row]), name, box)

    def samples_in(self, file: str) -> tuple[str, ...]:
        """Ids of the samples that a shard file of the store holds, whether they are rows here or not.

        Args:
            file: path relative to the store.

        Returns:
            nothing for a file that is not a shard, or where the table cannot be read.
        """
        return self._store.samples_in(file)

    def _take(self, rows: NDArray[np.int64]) -> Cohort:
        return Cohort(self._store, rows if self._rows is None else self._rows[rows])

    def _check_row(self, row: int) -> int:
        try:
            position = operator.index(row)
        except TypeError as error:
            msg = f"a row is an integer, got {row!r}; use select for several rows, where for a condition"
            raise TypeError(msg) from error
        if not -len(self) <= position < len(self):
            msg = f"row {position} of a cohort of {len(self)} samples"
            raise IndexError(msg)
        return position % len(self)

    def _split_sizes(self) -> dict[str, int]:
        counts = np.bincount(self.locations.split, minlength=len(self.locations.splits)).tolist()
        return {name: count for name, count in zip(self.locations.splits, counts, strict=True) if count}


def _positions(rows: slice | Sequence[int] | Sequence[bool] | NDArray[Any], count: int) -> NDArray[np.int64]:
    if isinstance(rows, slice):
        return np.arange(count, dtype=np.int64)[rows]
    chosen = np.asarray(rows)
    if chosen.ndim != 1 or (chosen.dtype.kind not in "biu" and chosen.size):
        msg = f"rows must be a slice, or integers or booleans in one dimension, got {chosen.dtype} of {chosen.shape}"
        raise TypeError(msg)
    if chosen.dtype.kind == "b":
        if len(chosen) != count:
            msg = f"a mask must have one boolean for each of the {count} samples, got {len(chosen)}"
            raise IndexError(msg)
        return np.flatnonzero(chosen)
    outside = (chosen < -count) | (chosen >= count)
    if outside.any():
        msg = f"row {chosen[outside][0]} of a cohort of {count} samples"
        raise IndexError(msg)
    chosen = chosen.astype(np.int64)
    return np.where(chosen < 0, chosen + count, chosen)
