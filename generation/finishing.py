"""The last step of a run: tables and Zarr metadata from the records of the shards, then the manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ..store import (
    FORMAT_VERSION,
    MANIFEST_NAME,
    Manifest,
    SplitRecord,
    array_document,
    array_path,
    array_zarr_json_path,
    document_bytes,
    group_document,
    group_zarr_json_path,
    metadata_path,
    rows_schema,
    write_atomic,
    write_rows,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ..store import ArraySpec, FileRecord
    from .backend import Backend
    from .journal import ShardRecord
    from .recipe import Recipe

__all__ = ["finish"]

_MOST_TABLE_FILES = 128
"""Of a split: enough for as many readers, and a number that common world sizes divide."""


def finish(
    target: Path,
    *,
    recipe: Recipe,
    backend: Backend,
    specs: Mapping[str, ArraySpec],
    lock: Mapping[str, Mapping[str, str]],
    records: Sequence[ShardRecord],
    beside: Mapping[str, bytes],
    scratch: Path,
) -> Manifest:
    """Writes all that is not voxels; the manifest comes last.

    Args:
        target: folder of the data set.
        recipe: as ordered.
        backend: that made the samples.
        specs: of the arrays.
        lock: of the manifest.
        records: of all shards.
        beside: files that are kept with the data: `recipe.yaml`, and `people.csv` where there is one.
        scratch: for temporary files.
    """
    files: dict[str, FileRecord] = {path: file for record in records for path, file in record.files.items()}
    for path, data in beside.items():
        files[path] = write_atomic(target / path, data, scratch=scratch)
    splits, marks = {}, _marks(recipe, backend)
    for split in recipe.splits:
        shards = sorted((record for record in records if record.split == split), key=lambda record: record.number)
        if shards:
            splits[split] = _sizes(shards, recipe.shards.samples)
            files |= _write_table(target, split, shards, _schema(backend), scratch)
            files |= _write_zarr(target, split, splits[split], shards, specs=specs, marks=marks, scratch=scratch)
    manifest = Manifest(
        name=recipe.name,
        version=recipe.version,
        recipe_sha256=files["recipe.yaml"].sha256,
        lock=lock,
        splits=splits,
        arrays={array_path(split, name): spec for split in splits for name, spec in specs.items()},
        rejected=tuple(sorted((r for record in records for r in record.rejected), key=lambda r: r.index)),
        files=files,
    )
    write_atomic(target / MANIFEST_NAME, manifest.to_bytes(), scratch=scratch)
    return manifest


def _sizes(shards: Sequence[ShardRecord], shard_samples: int) -> SplitRecord:
    samples = sum(len(shard.rows) for shard in shards)
    slots = samples + sum(len(shard.rejected) for shard in shards)
    return SplitRecord(slots=slots, samples=samples, shard_samples=shard_samples)


def _schema(backend: Backend) -> pa.Schema:
    conditions = {condition.name: condition.kind for condition in backend.conditions}
    return rows_schema(
        conditions, [measure.name for measure in backend.measures], [output.name for output in backend.outputs]
    )


def _write_table(
    target: Path, split: str, shards: Sequence[ShardRecord], schema: pa.Schema, scratch: Path
) -> dict[str, FileRecord]:
    """As many files as can be filled evenly, one row group a shard."""
    count = min(len(shards), _MOST_TABLE_FILES)
    bounds = [len(shards) * number // count for number in range(count + 1)]
    written = {}
    for number in range(count):
        groups = [
            pa.Table.from_pylist(list(shard.rows), schema=schema)
            for shard in shards[bounds[number] : bounds[number + 1]]
        ]
        path = metadata_path(split, number, count)
        written[path] = write_rows(target / path, groups, scratch=scratch)
    return written


def _write_zarr(
    target: Path,
    split: str,
    sizes: SplitRecord,
    shards: Sequence[ShardRecord],
    *,
    specs: Mapping[str, ArraySpec],
    marks: Mapping[str, Any],
    scratch: Path,
) -> dict[str, FileRecord]:
    holes = sorted(rejection.slot for shard in shards for rejection in shard.rejected)
    documents = {group_zarr_json_path(split): group_document(marks)}
    for name, spec in specs.items():
        documents[array_zarr_json_path(split, name)] = array_document(spec, sizes.slots, holes, marks)
    return {
        path: write_atomic(target / path, document_bytes(document), scratch=scratch)
        for path, document in documents.items()
    }


def _marks(recipe: Recipe, backend: Backend) -> Mapping[str, Any]:
    """What every array says of itself, so that voxels that are copied out of their store stay marked."""
    return {
        "synthetic": True,
        "not_for_clinical_use": True,
        "digital_source_type": backend.digital_source_type,
        "generator": f"voxpress format {FORMAT_VERSION}, backend {backend.name}",
        "dataset": f"{recipe.name} {recipe.version}",
    }
