"""The feature table of a store: Parquet files under `quality/features/`, one row a sample, in the order of its table.

Each extractor has a column of vectors; a null is a vector that was not computed. The schema's metadata names the
manifest by its digest, so that features of other voxels are never taken for these, and the id of each extractor.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from ...errors import CorruptError, FormatError, StoreNotFoundError
from ...store import write_atomic
from .feature_set import FeatureSet

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from ...store import Cohort, Manifest
    from .extractor import FeatureExtractor

    Vector = NDArray[np.float32]

__all__ = [
    "FEATURES_FOLDER",
    "FeatureFile",
    "FeatureReader",
    "StoredFeatures",
    "feature_columns",
    "feature_files",
    "packed",
    "read_features",
    "stored_features",
    "unpacked",
    "write_feature_file",
]

FEATURES_FOLDER: Final = "quality/features"
_MOST_FILES = 128
"""Of a split, as the table of the store has."""
_MOST_BYTES = 2 * 2**30


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFeatures:
    """Features that a table holds, whatever made them; attributes as those of `FeatureExtractor`."""

    name: str
    feature_id: str
    width: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureFile:
    """One file of the table.

    Attributes:
        path: in the store.
        split: whose rows it holds.
        first, start, stop: position of its first row in the whole table, and its rows within the split.
    """

    path: str
    split: str
    first: int
    start: int
    stop: int

    @property
    def rows(self) -> int:
        """How many."""
        return self.stop - self.start


def feature_files(manifest: Manifest) -> list[FeatureFile]:
    """The files that the feature table of a store has, in the order of its rows. Pure."""
    files, first = [], 0
    for split in manifest.split_names:
        sizes, slots = manifest.splits[split], manifest.sample_slots(split)
        count = max(min(sizes.shards, _MOST_FILES), 1)
        bounds = np.asarray([sizes.shards * number // count for number in range(count + 1)]) * sizes.shard_samples
        ends = np.searchsorted(slots, bounds).tolist()
        files += [
            FeatureFile(
                path=f"{FEATURES_FOLDER}/{split}-{number:05d}-of-{count:05d}.parquet",
                split=split,
                first=first + ends[number],
                start=ends[number],
                stop=ends[number + 1],
            )
            for number in range(count)
        ]
        first += len(slots)
    return files


def feature_columns(
    ids: Sequence[str], vectors: Mapping[str, Sequence[Vector | None]], extractors: Sequence[FeatureExtractor]
) -> pa.Table:
    """Rows of the table.

    Args:
        ids: of the samples.
        vectors: extractor → one vector a sample; None where there is none. Extractors that are not there are null.
        extractors: columns, in order.
    """
    columns: dict[str, Any] = {"sample_id": pa.array(ids, pa.string())}
    for extractor in extractors:
        columns[extractor.name] = _column(vectors.get(extractor.name) or [None] * len(ids), extractor.width)
    return pa.table(columns)


def write_feature_file(
    root: Path,
    file: FeatureFile,
    rows: pa.Table,
    *,
    manifest_sha256: str,
    extractors: Sequence[FeatureExtractor | StoredFeatures],
    scratch: Path,
) -> None:
    """Writes one file of the table.

    Args:
        root: folder of the store.
        file: which.
        rows: as of `feature_columns`.
        manifest_sha256: digest of the manifest of the voxels.
        extractors: that the columns are of.
        scratch: folder for temporary files.

    Raises:
        ValueError: the rows are not those of the file.
    """
    import pyarrow.parquet as pq

    if rows.num_rows != file.rows:
        msg = f"{file.path} has {file.rows} rows, got {rows.num_rows}"
        raise ValueError(msg)
    columns: dict[str, Any] = {"sample_id": rows["sample_id"].combine_chunks()}
    # packed anew, so that the same vectors give the same bytes wherever they come from
    columns |= {each.name: packed(*unpacked(rows[each.name], each.width)) for each in extractors}
    rows = pa.table(columns).replace_schema_metadata(_metadata(manifest_sha256, extractors))
    names = [each.name for each in extractors]
    sink = pa.BufferOutputStream()
    # the bytes of numbers of one vector component are alike, which zstd makes something of only when they lie together
    with pq.ParquetWriter(
        sink, rows.schema, compression="zstd", use_dictionary=["sample_id"], use_byte_stream_split=_leaves(names)
    ) as writer:
        writer.write_table(rows)
    write_atomic(root / file.path, sink.getvalue().to_pybytes(), scratch=scratch)


def stored_features(cohort: Cohort) -> list[StoredFeatures]:
    """What the feature table of a store holds, by its first file; nothing if it is missing or of another manifest."""
    import pyarrow.parquet as pq

    for file in feature_files(cohort.manifest)[:1]:
        try:
            data = cohort.store.source.read_all(file.path, most=_MOST_BYTES)
            schema = pq.read_schema(pa.BufferReader(data))
            metadata = schema.metadata or {}
            if metadata.get(b"manifest_sha256", b"").decode() == cohort.manifest.digest:
                ids = json.loads(metadata.get(b"feature_ids", b"{}"))
                fields = [field for field in schema if field.name in ids and pa.types.is_fixed_size_list(field.type)]
                return [
                    StoredFeatures(name=field.name, feature_id=ids[field.name], width=field.type.list_size)
                    for field in fields
                ]
        except (pa.ArrowException, OSError, ValueError):
            pass
    return []


def read_features(cohort: Cohort, extractor: FeatureExtractor) -> FeatureSet:
    """The vectors of the rows of a cohort, in their order.

    Args:
        cohort: rows of a store.
        extractor: of the built-in ones, or another whose features were made.

    Raises:
        StoreNotFoundError: the store has no such features, or only some, or they are of other voxels; the message says
            which, and how to make them.
        FormatError: their rows are not those of the table; make them again.
    """
    reader = FeatureReader(cohort, [extractor])
    ids: list[str] = []
    files = feature_files(cohort.manifest)
    values = np.empty((sum(file.rows for file in files), extractor.width), np.float32)
    for file in files:
        rows = reader.rows(file)
        if rows is None or extractor.name not in rows.column_names:
            raise _lacking(cohort, extractor, reader.why)
        values[file.first : file.first + file.rows], there = unpacked(rows[extractor.name], extractor.width)
        if not there.all():
            raise _lacking(cohort, extractor, f"that of {rows['sample_id'][int(np.argmin(there))]} is not there")
        ids += rows["sample_id"].to_pylist()
    _check_ids(cohort, ids)
    whole = FeatureSet(name=extractor.name, feature_id=extractor.feature_id, ids=tuple(ids), values=values)
    return whole if cohort.rows is None else whole.take(cohort.rows)


class FeatureReader:
    """What is there of the feature table of a store; nothing of it is trusted that is not of its manifest.

    Args:
        cohort: of the store.
        extractors: whose columns are wanted.
    """

    def __init__(self, cohort: Cohort, extractors: Sequence[FeatureExtractor | StoredFeatures]) -> None:
        self._cohort, self._extractors = cohort, extractors
        self.why = "there are none"

    def rows(self, file: FeatureFile) -> pa.Table | None:
        """The rows of one file with the columns that are right; None if it is missing or of something else."""
        import pyarrow.parquet as pq

        try:
            data = self._cohort.store.source.read_all(file.path, most=_MOST_BYTES)
            parquet = pq.ParquetFile(pa.BufferReader(data))
            if (found := parquet.metadata.num_rows) != file.rows:
                self.why = f"{file.path} has {found} rows, not {file.rows}"
                return None
            names = list(self._right(parquet.schema_arrow, file))
            return parquet.read(columns=names) if names else None
        except CorruptError:
            self.why = f"there is no {file.path}"
        except (pa.ArrowException, OSError, ValueError) as error:
            self.why = f"{file.path} cannot be read ({str(error)[:200]})"
        return None

    def _right(self, schema: pa.Schema, file: FeatureFile) -> Iterator[str]:
        metadata = schema.metadata or {}
        if metadata.get(b"manifest_sha256", b"").decode() != self._cohort.manifest.digest:
            self.why = f"{file.path} is of another version of the data set"
            return
        ids = json.loads(metadata.get(b"feature_ids", b"{}"))
        yield "sample_id"
        for extractor in self._extractors:
            place = schema.get_field_index(extractor.name)
            if place < 0 or ids.get(extractor.name) != extractor.feature_id:
                self.why = f"those of {file.path} are {', '.join(map(str, ids.values()))}"
            elif schema.field(place).type != pa.list_(pa.float32(), extractor.width):
                self.why = f"those of {file.path} are {schema.field(place).type}"
            else:
                yield extractor.name


def packed(values: NDArray[np.float32], there: NDArray[np.bool_]) -> pa.FixedSizeListArray:
    """A column of vectors.

    Args:
        values: `(n, width)`.
        there: which rows have a vector; the others become null.
    """
    return pa.FixedSizeListArray.from_arrays(
        pa.array(np.ascontiguousarray(values).ravel()), values.shape[1], mask=pa.array(~there)
    )


def unpacked(column: pa.ChunkedArray, width: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """`values` and `there` of a column, as `packed` takes them; 0 where a vector is null."""
    array = column.combine_chunks()
    there = np.asarray(array.is_valid().to_numpy(zero_copy_only=False), bool)
    values = np.zeros((len(array), width), np.float32)
    values[there] = array.flatten().to_numpy(zero_copy_only=False).reshape(-1, width)
    return values, there


def _column(vectors: Sequence[Vector | None], width: int) -> pa.FixedSizeListArray:
    values = np.zeros((len(vectors), width), np.float32)
    for row, vector in enumerate(vectors):
        if vector is not None:
            values[row] = vector
    return packed(values, np.asarray([vector is not None for vector in vectors], bool))


def _leaves(names: Sequence[str]) -> list[str]:
    return [f"{name}.list.element" for name in names]


def _metadata(manifest_sha256: str, extractors: Sequence[FeatureExtractor | StoredFeatures]) -> dict[str, str]:
    return {
        "synthetic": "true",
        "manifest_sha256": manifest_sha256,
        "feature_ids": json.dumps({extractor.name: extractor.feature_id for extractor in extractors}),
    }


def _check_ids(cohort: Cohort, ids: Sequence[str]) -> None:
    if cohort.store.columns(["sample_id"])["sample_id"].to_pylist() != list(ids):
        msg = f"the features of {cohort.url} are not in the order of its table; make them again: {_advice(cohort)}"
        raise FormatError(msg)


def _lacking(cohort: Cohort, extractor: FeatureExtractor, why: str) -> StoreNotFoundError:
    msg = f"{cohort.url} has no features {extractor.feature_id} ({why}); make them with {_advice(cohort)}"
    return StoreNotFoundError(msg)


def _advice(cohort: Cohort) -> str:
    return f"`voxpress qa {cohort.url}`"
