"""A small real store of given volumes, and NIfTI files of others, for tests of the audit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import nibabel as nib
import numpy as np
import pyarrow as pa
import tiny_store as tiny
from head_scans import AFFINE, SHAPE

from voxpress import store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from voxpress.quality.volume import Volume

SHARD_SAMPLES = 4
SPEC = store.ArraySpec(
    name="image",
    kind="image",
    dtype="uint8",
    shape=SHAPE,
    shard_samples=SHARD_SAMPLES,
    affine=tuple(tuple(row) for row in AFFINE.tolist()),
    scale=1.5 / 255,
)


def build(root: Path, volumes: Sequence[Volume]) -> Path:
    """Write the store of some volumes into `root` and return it."""
    scratch = root / store.WORK_FOLDER
    count = len(volumes)
    content = {
        "recipe.yaml": b"name: heads\n",
        store.group_zarr_json_path("train"): store.document_bytes(store.group_document(tiny.ATTRS)),
        store.array_zarr_json_path("train", "image"): store.document_bytes(
            store.array_document(SPEC, count, [], tiny.ATTRS)
        ),
    }
    stored = [np.clip(np.rint(volume.image / SPEC.scale), 0, 255).astype(np.uint8) for volume in volumes]
    schema = store.rows_schema({"age": "number"}, [], {"image": "image"})
    groups = []
    for number, start in enumerate(range(0, count, SHARD_SAMPLES)):
        members = range(start, min(start + SHARD_SAMPLES, count))
        encoded = [store.encode_sample(SPEC, stored[index]) for index in members]
        content[store.shard_path("train", "image", number)] = b"".join(store.assemble_shard(SPEC, encoded))
        groups.append(pa.Table.from_pylist([_row(index, stored[index]) for index in members], schema=schema))
    files = {path: store.write_atomic(root / path, data, scratch=scratch) for path, data in content.items()}
    files |= store.write_table(root, "train", groups, scratch=scratch)
    manifest = store.Manifest(
        name="heads",
        version="1.0.0",
        recipe_sha256=files["recipe.yaml"].sha256,
        lock={},
        splits={"train": store.SplitRecord(slots=count, samples=count, shard_samples=SHARD_SAMPLES)},
        arrays={store.array_path("train", "image"): SPEC},
        rejected=(),
        files=files,
    )
    store.write_atomic(root / store.MANIFEST_NAME, manifest.to_bytes(), scratch=scratch)
    scratch.rmdir()
    return root


def write_scans(folder: Path, names: Sequence[str], volumes: Sequence[Volume]) -> Path:
    """Write volumes as NIfTI files in a folder, one a subject, and return it; a left-handed grid, as scanners have."""
    folder.mkdir()
    for name, volume in zip(names, volumes, strict=True):
        affine = volume.affine @ np.diag([-1.0, 1, 1, 1])
        affine[:3, 3] += volume.affine[:3, 0] * (volume.image.shape[0] - 1)
        nib.save(nib.Nifti1Image(np.ascontiguousarray(volume.image[::-1]), affine), folder / f"{name}.nii.gz")
    return folder


def _row(index: int, voxels: np.ndarray) -> dict[str, object]:
    return {
        "sample_id": f"heads-{index:06d}",
        "index": index,
        "split": "train",
        "age": 50.0 + index,
        "seed": index,
        "attempt": 2,
        "backend": "tiny",
        "quality": "PASS",
        "image": {"path": store.array_path("train", "image"), "index": index},
        "image_sha256": store.voxels_sha256(voxels),
        **store.sample_extents(SPEC, voxels),
        "is_synthetic": True,
    }
