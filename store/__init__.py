"""The ground floor: the format on disk, its manifest, writing and reading of shards, the table, verification.

`docs/format.md` is the normative text. Zarr is imported only when a voxel is read.
"""

from __future__ import annotations

from .arrays import ArraySpec, voxels_sha256
from .cohort import Cohort
from .differences import differences
from .extents import ImageBoxes, LabelBoxes, boxes_of, sample_extents
from .files import FileRecord, hash_file, write_atomic
from .layout import (
    MANIFEST_NAME,
    SPARE_FOLDER,
    WORK_FOLDER,
    array_path,
    array_zarr_json_path,
    group_path,
    group_zarr_json_path,
    metadata_path,
    safe_path,
    shard_path,
)
from .linking import take_over
from .manifest import FORMAT_VERSION, Attempt, Manifest, Rejection, SplitRecord
from .opened import Locations
from .opening import open  # noqa: A004 - read as voxpress.open
from .packing import Packing
from .recode import Recoded, recode
from .rows import rows_schema, write_rows, write_table
from .shards import assemble_shard, encode_sample, encode_samples, index_bytes, parse_index
from .spare import seal, spare_files
from .verify import Problem, VerifyReport, verify
from .work_folder import WorkFolder, refuse_foreign, refuse_inside
from .zarr_metadata import array_document, document_bytes, group_document

__all__ = [
    "FORMAT_VERSION",
    "MANIFEST_NAME",
    "SPARE_FOLDER",
    "WORK_FOLDER",
    "ArraySpec",
    "Attempt",
    "Cohort",
    "FileRecord",
    "ImageBoxes",
    "LabelBoxes",
    "Locations",
    "Manifest",
    "Packing",
    "Problem",
    "Recoded",
    "Rejection",
    "SplitRecord",
    "VerifyReport",
    "WorkFolder",
    "array_document",
    "array_path",
    "array_zarr_json_path",
    "assemble_shard",
    "boxes_of",
    "differences",
    "document_bytes",
    "encode_sample",
    "encode_samples",
    "group_document",
    "group_path",
    "group_zarr_json_path",
    "hash_file",
    "index_bytes",
    "metadata_path",
    "open",
    "parse_index",
    "recode",
    "refuse_foreign",
    "refuse_inside",
    "rows_schema",
    "safe_path",
    "sample_extents",
    "seal",
    "shard_path",
    "spare_files",
    "take_over",
    "verify",
    "voxels_sha256",
    "write_atomic",
    "write_rows",
    "write_table",
]
