"""Small data sets with cards and quality reports, ready to be published."""

from __future__ import annotations

import dataclasses
import shutil
from typing import TYPE_CHECKING

import numpy as np
import tiny_store as tiny
from quality_reports import reported
from tiny_people import HUMAN

from voxpress import store
from voxpress.cards import collection_card, dataset_card
from voxpress.cards.dataset_card import gather

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["SHARD", "carded", "collection", "next_version"]

SHARD = "volumes/train.zarr/image/c.1.0.0.0"


def carded(root: Path) -> Path:
    """The small store with its quality report, and its card with all that people have to say."""
    cohort = store.open(reported(root))
    card = dataset_card(cohort.manifest, gather(cohort), HUMAN)
    (root / "README.md").write_text(card, encoding="utf-8")
    return root


def next_version(root: Path, target: Path, version: str = "2.0.0", *, seed: int = 1) -> Path:
    """A version in which one shard and one label are other ones, and the validation split is no more.

    Args:
        root: version before.
        target: where it goes.
        version: of it.
        seed: of what is other.
    """
    shutil.copytree(root, target)
    spec = tiny.SPECS["image"]
    rng = np.random.default_rng(seed)
    voxels = [rng.integers(0, 255, spec.shape).astype(np.uint8) for _ in range(4)]
    (target / SHARD).write_bytes(
        b"".join(
            store.assemble_shard(spec, [store.encode_sample(spec, each) for each in voxels[:1]] + [None, *([None] * 2)])
        )
    )
    shutil.rmtree(target / "volumes/validation.zarr")
    (target / "metadata/validation-00000-of-00001.parquet").unlink()
    manifest = store.open(target).manifest
    keep = {path: array for path, array in manifest.arrays.items() if "validation" not in path}
    tiny.rewrite(target, version=version, splits={"train": manifest.splits["train"]}, arrays=keep)
    assert dataclasses.asdict(store.open(target).manifest)["version"] == version
    return carded(target)


def collection(root: Path, target: Path) -> Path:
    """A folder with two data sets, the second packed otherwise, and their card."""
    shutil.copytree(root, target / "fine", ignore=shutil.ignore_patterns("quality"))
    store.recode(root, target / "coarse", store.Packing(codec="zstd", chunk="4,5,6", shard_samples=8))
    stores = {name: store.open(target / name).manifest for name in ("coarse", "fine")}
    (target / "README.md").write_text(collection_card("both", stores))
    for name in stores:
        reported(target / name)
    return target
