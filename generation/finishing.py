"""The last step of a run: tables and Zarr metadata from the records of the shards, then the manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ..quality.rejects import write_rejects
from ..store import (
    FORMAT_VERSION,
    Manifest,
    SplitRecord,
    array_document,
    array_path,
    array_zarr_json_path,
    document_bytes,
    group_document,
    group_zarr_json_path,
    rows_schema,
    seal,
    write_atomic,
    write_table,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ..store import ArraySpec, FileRecord
    from .backend import Backend
    from .journal import ShardRecord
    from .recipe import Recipe

__all__ = ["finish", "row_groups", "schema_of", "zarr_files"]


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
    """Writes all that is not voxels, spare copies included; the manifest comes last.

    Args:
        target: folder of the data set.
        recipe: as ordered.
        backend: that made the samples.
        specs: of the arrays.
        lock: of the manifest.
        records: of all shards.
        beside: files that are kept with the data: `recipe.yaml`, and `people.csv` and `refused.csv` where there are.
        scratch: for temporary files.
    """
    files: dict[str, FileRecord] = {path: file for record in records for path, file in record.files.items()}
    for path, data in beside.items():
        files[path] = write_atomic(target / path, data, scratch=scratch)
    splits = {}
    for split in recipe.splits:
        shards = sorted((record for record in records if record.split == split), key=lambda record: record.number)
        if shards:
            splits[split] = _sizes(shards, recipe.shards.samples)
            files |= write_table(target, split, row_groups(shards, backend), scratch=scratch)
            holes = sorted(rejection.slot for shard in shards for rejection in shard.rejected)
            for path, data in zarr_files(
                split, splits[split], holes, recipe=recipe, backend=backend, specs=specs
            ).items():
                files[path] = write_atomic(target / path, data, scratch=scratch)
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
    write_rejects(
        target,
        [attempt for record in records for attempt in record.refused],
        {condition.name: condition.kind for condition in backend.conditions},
        manifest_sha256=manifest.digest,
        scratch=scratch,
    )
    seal(target, manifest, scratch=scratch)
    return manifest


def row_groups(shards: Sequence[ShardRecord], backend: Backend) -> list[pa.Table]:
    """The rows of each shard, as they are written. Pure.

    Args:
        shards: records of the shards of one split, in order.
        backend: that made the samples.
    """
    schema = schema_of(backend)
    return [pa.Table.from_pylist(list(shard.rows), schema=schema) for shard in shards]


def zarr_files(
    split: str,
    sizes: SplitRecord,
    holes: Sequence[int],
    *,
    recipe: Recipe,
    backend: Backend,
    specs: Mapping[str, ArraySpec],
) -> dict[str, bytes]:
    """The Zarr metadata of a split: path in the store → content. Pure.

    Args:
        split: its name.
        sizes: of it.
        holes: slots without a sample, ascending.
        recipe: names the data set, as every array does.
        backend: names where the samples come from.
        specs: of the arrays.
    """
    marks = _marks(recipe, backend)
    documents = {group_zarr_json_path(split): group_document(marks)}
    for name, spec in specs.items():
        documents[array_zarr_json_path(split, name)] = array_document(spec, sizes.slots, holes, marks)
    return {path: document_bytes(document) for path, document in documents.items()}


def _sizes(shards: Sequence[ShardRecord], shard_samples: int) -> SplitRecord:
    samples = sum(len(shard.rows) for shard in shards)
    slots = samples + sum(len(shard.rejected) for shard in shards)
    return SplitRecord(slots=slots, samples=samples, shard_samples=shard_samples)


def schema_of(backend: Backend) -> pa.Schema:
    """Columns of the table of what a backend makes."""
    conditions = {condition.name: condition.kind for condition in backend.conditions}
    kinds = {output.name: output.kind for output in backend.outputs}
    return rows_schema(conditions, [measure.name for measure in backend.measures], kinds)


def _marks(recipe: Recipe, backend: Backend) -> Mapping[str, Any]:
    """What every array says of itself, so that voxels that are copied out of their store stay marked."""
    return {
        "synthetic": True,
        "not_for_clinical_use": True,
        "digital_source_type": backend.digital_source_type,
        "generator": f"voxpress format {FORMAT_VERSION}, backend {backend.name}",
        "dataset": f"{recipe.name} {recipe.version}",
    }
