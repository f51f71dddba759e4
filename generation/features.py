"""Features of the samples of a run: computed while the voxels are in memory, written when the manifest is there.

They decide no byte that the manifest lists. A shard without them (taken over, or made by a run without features) leaves
its rows empty, and `voxpress qa` fills them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from ..quality import volume_of
from ..quality.features.embedding import embed
from ..quality.features.pieces import PieceFolder
from ..quality.features.table import FeatureReader, feature_columns, feature_files, write_feature_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray

    from ..quality.features import FeatureExtractor
    from ..store import ArraySpec, Cohort, Manifest
    from .journal import ShardRecord

__all__ = ["ShardFeatures", "features_folder", "inherit_features", "shard_features_file", "write_features"]


def features_folder(work_folder: Path) -> PieceFolder:
    """Where a run keeps the features of its shards until the manifest is there."""
    return PieceFolder(work_folder / "features")


def shard_features_file(work_folder: Path, split: str, number: int) -> Path:
    """Where those of one shard are, if it has any."""
    return features_folder(work_folder).path(_name(split, number))


class ShardFeatures:
    """Collects the features of one shard.

    Args:
        extractors: to embed by; none for no features.
        specs: of the arrays.
    """

    def __init__(self, extractors: Sequence[FeatureExtractor], specs: Mapping[str, ArraySpec]) -> None:
        self._extractors, self._specs = extractors, specs
        self._ids: list[str] = []
        self._vectors: dict[str, list[Any]] = {each.name: [] for each in extractors}

    def add(self, sample_id: str, stored: Mapping[str, NDArray[Any]]) -> None:
        """Embeds a sample from the integers that are stored, so that who reads the store gets the same."""
        if not self._extractors:
            return
        vectors, _ = embed(volume_of(stored, self._specs), self._extractors)
        self._ids.append(sample_id)
        for name, vector in vectors.items():
            self._vectors[name].append(vector)

    def write(self, folder: PieceFolder, split: str, number: int) -> None:
        """Keeps them for `write_features`."""
        if self._extractors:
            folder.write(_name(split, number), feature_columns(self._ids, self._vectors, self._extractors))


def inherit_features(
    source: Cohort, folder: PieceFolder, split: str, number: int, extractors: Sequence[FeatureExtractor]
) -> None:
    """Takes over the features of a shard from the data set that the shard is taken from, where it has them.

    Args:
        source: the whole data set.
        folder: of the run.
        split: of the shard.
        number: of the shard.
        extractors: whose features are wanted.
    """
    size, slots = source.manifest.splits[split].shard_samples, source.manifest.sample_slots(split)
    start, stop = slots.searchsorted([number * size, (number + 1) * size]).tolist()
    for file in feature_files(source.manifest):
        if file.split == split and file.start <= start and stop <= file.stop:
            rows = FeatureReader(source, extractors).rows(file)
            if rows is not None:
                folder.write(_name(split, number), rows.slice(start - file.start, stop - start))


def write_features(
    target: Path,
    manifest: Manifest,
    records: Sequence[ShardRecord],
    folder: PieceFolder,
    extractors: Sequence[FeatureExtractor],
) -> None:
    """Writes the feature table of a finished store from what its run has kept.

    Args:
        target: folder of the store.
        manifest: of the store.
        records: of all its shards.
        folder: of the run.
        extractors: columns of the table; none for no table.
    """
    ids = {(each.split, each.number): [row["sample_id"] for row in each.rows] for each in records}
    for file in feature_files(manifest) if extractors else ():
        size, slots = manifest.splits[file.split].shard_samples, manifest.sample_slots(file.split)
        numbers = sorted(set((slots[file.start : file.stop] // size).tolist()))
        parts = [_rows(folder, _name(file.split, each), ids[file.split, each], extractors) for each in numbers]
        rows = pa.concat_tables(parts) if parts else feature_columns((), {}, extractors)
        write_feature_file(
            target,
            file,
            rows,
            manifest_sha256=manifest.digest,
            extractors=extractors,
            scratch=folder.scratch,
        )


def _rows(folder: PieceFolder, name: str, ids: Sequence[str], extractors: Sequence[FeatureExtractor]) -> pa.Table:
    """The rows of a shard, with a null wherever nothing was computed."""
    empty = feature_columns(ids, {}, extractors)
    if name not in folder:
        return empty
    kept = folder.read(name)
    if kept["sample_id"].to_pylist() != list(ids):
        return empty
    columns = {field: kept[field] if field in kept.column_names else empty[field] for field in empty.column_names}
    return pa.table(columns)


def _name(split: str, number: int) -> str:
    return f"{split}-{number:07d}"
