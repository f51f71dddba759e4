"""The last step of an import: tables, Zarr metadata and what was asked for, then the manifest."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from ...store import (
    FileRecord,
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
from ...store.manifest_json import format_version_of
from ...store.strict_yaml import dump_mapping

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ...store import ArraySpec
    from .order import ImportOrder

__all__ = ["IMPORT_NAME", "SOURCES_NAME", "finish", "sources_text"]

IMPORT_NAME: Final = "import.yaml"
SOURCES_NAME: Final = "sources.csv"
_CAPTURED: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"


def finish(
    target: Path,
    *,
    order: ImportOrder,
    digital_source_type: str,
    specs: Mapping[str, ArraySpec],
    kinds: Mapping[str, str],
    measured: Sequence[str],
    records: Sequence[Mapping[str, Any]],
    lock: Mapping[str, Mapping[str, Any]],
    sources: bytes,
    scratch: Path,
) -> Manifest:
    """Writes all that is not voxels, spare copies included; the manifest comes last.

    Args:
        target: folder of the data set.
        order: as asked.
        digital_source_type: of synthetic samples; empty where it is not known.
        specs: of the arrays.
        kinds: condition → `number` or `category`.
        measured: names of the measures, without ``measured_``.
        records: of all shards.
        lock: of the manifest.
        sources: content of `sources.csv`.
        scratch: for temporary files.
    """
    files = {path: FileRecord(**file) for record in records for path, file in record["files"].items()}
    order_text = dump_mapping(order.to_plain()).encode()
    for path, data in ((IMPORT_NAME, order_text), (SOURCES_NAME, sources)):
        files[path] = write_atomic(target / path, data, scratch=scratch)
    schema = rows_schema(kinds, measured, {name: spec.kind for name, spec in specs.items()}, synthetic=order.synthetic)
    marks, splits = _marks(order, digital_source_type), {}
    for split in dict.fromkeys(record["split"] for record in records):
        shards = sorted((record for record in records if record["split"] == split), key=lambda record: record["number"])
        samples = sum(len(record["rows"]) for record in shards)
        splits[split] = SplitRecord(slots=samples, samples=samples, shard_samples=order.shard_samples)
        groups = [pa.Table.from_pylist(record["rows"], schema=schema) for record in shards]
        files |= write_table(target, split, groups, scratch=scratch, synthetic=order.synthetic)
        documents = {group_zarr_json_path(split): group_document(marks)}
        for name, spec in specs.items():
            documents[array_zarr_json_path(split, name)] = array_document(spec, samples, (), marks)
        for path, document in documents.items():
            files[path] = write_atomic(target / path, document_bytes(document), scratch=scratch)
    manifest = Manifest(
        name=order.name,
        version=order.version,
        recipe_sha256=files[IMPORT_NAME].sha256,
        lock=lock,
        splits=splits,
        arrays={array_path(split, name): spec for split in splits for name, spec in specs.items()},
        rejected=(),
        files=files,
        synthetic=order.synthetic,
    )
    seal(target, manifest, scratch=scratch)
    return manifest


def sources_text(rows: Sequence[Mapping[str, str]]) -> bytes:
    """`sources.csv`: where each sample comes from, and what was left out and why. Pure."""
    names = ("sample_id", "split", "image", "label", "orientation", "left_out")
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _marks(order: ImportOrder, digital_source_type: str) -> dict[str, Any]:
    """What every array says of itself, so that voxels that are copied out of their store stay marked."""
    where_from = digital_source_type if order.synthetic else _CAPTURED
    return {
        "synthetic": order.synthetic,
        "not_for_clinical_use": True,
        **({"digital_source_type": where_from} if where_from else {}),
        "generator": f"voxpress format {format_version_of(synthetic=order.synthetic)}, imported",
        "dataset": f"{order.name} {order.version}",
    }
