"""A store whose voxels do not compress, so that bytes read are those of the voxels: 64 samples in four shards."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import tiny_store as tiny

from voxpress import store

if TYPE_CHECKING:
    from pathlib import Path

SAMPLES = 64
SHARD_SAMPLES = 16
SHAPE = (32, 32, 32)
SPEC = store.ArraySpec(
    name="image", kind="image", dtype="uint8", shape=SHAPE, shard_samples=SHARD_SAMPLES, affine=tiny.AFFINE
)


def voxels(index: int) -> np.ndarray:
    """The sample with this index, which is its slot too."""
    return np.random.default_rng(1000 + index).integers(1, 256, SHAPE, dtype=np.uint8)


def build(root: Path) -> Path:
    """Write the store into `root` and return it: one split, one array."""
    scratch = root / store.WORK_FOLDER
    content = {
        "recipe.yaml": b"name: noise\n",
        store.group_zarr_json_path("train"): store.document_bytes(store.group_document(tiny.ATTRS)),
        store.array_zarr_json_path("train", "image"): store.document_bytes(
            store.array_document(SPEC, SAMPLES, [], tiny.ATTRS)
        ),
    }
    groups = []
    schema = store.rows_schema({"age": "number"}, [], {"image": "image"})
    for number, start in enumerate(range(0, SAMPLES, SHARD_SAMPLES)):
        members = range(start, start + SHARD_SAMPLES)
        encoded = [store.encode_sample(SPEC, voxels(index)) for index in members]
        content[store.shard_path("train", "image", number)] = b"".join(store.assemble_shard(SPEC, encoded))
        groups.append(pa.Table.from_pylist([_row(index) for index in members], schema=schema))
    files = {path: store.write_atomic(root / path, data, scratch=scratch) for path, data in content.items()}
    files |= store.write_table(root, "train", groups, scratch=scratch)
    manifest = store.Manifest(
        name="noise",
        version="1.0.0",
        recipe_sha256=files["recipe.yaml"].sha256,
        lock={},
        splits={"train": store.SplitRecord(slots=SAMPLES, samples=SAMPLES, shard_samples=SHARD_SAMPLES)},
        arrays={store.array_path("train", "image"): SPEC},
        rejected=(),
        files=files,
    )
    store.write_atomic(root / store.MANIFEST_NAME, manifest.to_bytes(), scratch=scratch)
    scratch.rmdir()
    return root


def _row(index: int) -> dict[str, object]:
    whole = voxels(index)
    return {
        "sample_id": f"noise-{index:06d}",
        "index": index,
        "split": "train",
        "age": float(index),
        "seed": index,
        "attempt": 0,
        "backend": "noise",
        "quality": "PASS",
        "image": {"path": store.array_path("train", "image"), "index": index},
        "image_sha256": store.voxels_sha256(whole),
        **store.sample_extents(SPEC, whole),
        "is_synthetic": True,
    }
