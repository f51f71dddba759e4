"""A small real store for tests, written with the public functions of `voxpress.store`."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from voxpress import store

if TYPE_CHECKING:
    from pathlib import Path

SHAPE = (16, 20, 18)
SHARD_SAMPLES = 4
SLOTS = {"train": 10, "validation": 3}
HOLE = 5
"""Slot of the train split that holds no sample."""
SAMPLES = 12
AFFINE = ((1.0, 0.0, 0.0, -8.0), (0.0, 1.5, 0.0, -15.0), (0.0, 0.0, 2.0, -18.0), (0.0, 0.0, 0.0, 1.0))
ATTRS = {
    "synthetic": True,
    "digital_source_type": "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicMedia",
    "not_for_clinical_use": True,
    "generator": "voxpress tests",
    "dataset": "tiny-brains",
}
SPECS = {
    "image": store.ArraySpec(
        name="image",
        kind="image",
        dtype="uint8",
        shape=SHAPE,
        shard_samples=SHARD_SAMPLES,
        affine=AFFINE,
        scale=1 / 255,
        unit="arbitrary",
    ),
    "label": store.ArraySpec(
        name="label",
        kind="label",
        dtype="uint8",
        shape=SHAPE,
        shard_samples=SHARD_SAMPLES,
        affine=AFFINE,
        labels={0: "background", 1: "brain", 2: "ventricles"},
    ),
}


def voxels(index: int) -> dict[str, np.ndarray]:
    """Image and label of the sample with this index in the cohort: an ellipsoid in a background of exactly 0."""
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, size) for size in SHAPE), indexing="ij")
    radius = np.sqrt(x**2 + y**2 + z**2)
    noise = np.random.default_rng(index).integers(1, 256, SHAPE)
    label = (radius < 0.8).astype(np.uint8) + (radius < 0.2 + index / 50)
    return {"image": np.where(label > 0, noise, 0).astype(np.uint8), "label": label}


def row(index: int, split: str, slot: int) -> dict[str, object]:
    arrays = voxels(index)
    return {
        "sample_id": f"tiny-{index:06d}",
        "index": index,
        "split": split,
        "age": 50.0 + 3 * index,
        "sex": "FM"[index % 2],
        "diagnosis": ("CN", "MCI", "AD")[index % 3],
        "measured_brain_ml": float((arrays["label"] > 0).sum()) * 3 / 1000,
        "seed": 1000 + index,
        "attempt": 0,
        "backend": "tiny",
        "quality": "PASS",
        **{name: {"path": store.array_path(split, name), "index": slot} for name in SPECS},
        **{f"{name}_sha256": store.voxels_sha256(arrays[name]) for name in SPECS},
        **{
            column: value
            for name, spec in SPECS.items()
            for column, value in store.sample_extents(spec, arrays[name]).items()
        },
        "is_synthetic": True,
    }


def schema() -> pa.Schema:
    conditions = {"age": "number", "sex": "category", "diagnosis": "category"}
    return store.rows_schema(conditions, ["brain_ml"], {name: spec.kind for name, spec in SPECS.items()})


def build(root: Path) -> Path:
    """Write the store into `root` and return it: train has 10 slots and one hole, validation has 3."""
    scratch = root / store.WORK_FOLDER
    files = {"recipe.yaml": store.write_atomic(root / "recipe.yaml", b"name: tiny-brains\n", scratch=scratch)}
    first = 0
    for split, slots in SLOTS.items():
        samples = {slot: first + slot for slot in range(slots) if (split, slot) != ("train", HOLE)}
        files |= _write_split(root, scratch, split, samples)
        first += slots
    manifest = store.Manifest(
        name="tiny-brains",
        version="1.0.0",
        recipe_sha256=files["recipe.yaml"].sha256,
        lock={"packages": {"numpy": "2"}},
        splits={
            split: store.SplitRecord(slots=slots, samples=slots - (split == "train"), shard_samples=SHARD_SAMPLES)
            for split, slots in SLOTS.items()
        },
        arrays={store.array_path(split, name): spec for split in SLOTS for name, spec in SPECS.items()},
        rejected=(
            store.Rejection(
                sample_id=f"tiny-{HOLE:06d}",
                index=HOLE,
                split="train",
                slot=HOLE,
                attempts=(store.Attempt(attempt=0, seed=1000 + HOLE, reasons=("too small",)),),
            ),
        ),
        files=files,
    )
    store.seal(root, manifest, scratch=scratch)
    scratch.rmdir()
    return root


def rewrite(root: Path, **changes: object) -> None:
    """Bring the manifest in line with files that a test changed, as somebody who means harm would."""
    import dataclasses

    path = root / store.MANIFEST_NAME
    manifest = store.Manifest.from_bytes(path.read_bytes(), "before")
    files = {relative: store.hash_file(root / relative) for relative in manifest.files if (root / relative).is_file()}
    shutil.rmtree(root / store.SPARE_FOLDER, ignore_errors=True)
    scratch = root / store.WORK_FOLDER
    store.seal(root, dataclasses.replace(manifest, **{"files": files, **changes}), scratch=scratch)
    scratch.rmdir()


def _write_split(root: Path, scratch: Path, split: str, samples: dict[int, int]) -> dict[str, store.FileRecord]:
    slots = SLOTS[split]
    shards = [range(start, min(start + SHARD_SAMPLES, slots)) for start in range(0, slots, SHARD_SAMPLES)]
    holes = [slot for slot in range(slots) if slot not in samples]
    content = {store.group_zarr_json_path(split): store.document_bytes(store.group_document(ATTRS))}
    for name, spec in SPECS.items():
        document = store.array_document(spec, slots, holes, ATTRS)
        content[store.array_zarr_json_path(split, name)] = store.document_bytes(document)
        for number, members in enumerate(shards):
            encoded = [
                store.encode_sample(spec, voxels(samples[slot])[name]) if slot in samples else None for slot in members
            ]
            content[store.shard_path(split, name, number)] = b"".join(store.assemble_shard(spec, encoded))
    files = {path: store.write_atomic(root / path, data, scratch=scratch) for path, data in content.items()}
    groups = [
        pa.Table.from_pylist([row(samples[slot], split, slot) for slot in members if slot in samples], schema=schema())
        for members in shards
    ]
    path = store.metadata_path(split, 0, 1)
    return files | {path: store.write_rows(root / path, groups, scratch=scratch)}
