"""The manifest `voxpress.json`: what a data set is, and the size and sha256 of each of its files.

It is written last, so that a folder without it is not a data set, and its digest is the data set's identity. For
that to be one thing, its JSON has one spelling (`parsing.canonical_json`), and another is refused.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import FormatError
from .arrays import CODECS, default_chunk
from .layout import (
    MANIFEST_NAME,
    array_path,
    array_zarr_json_path,
    check_relative,
    group_zarr_json_path,
    is_editable,
    is_spare,
    shard_path,
)
from .manifest_json import (
    FIRST_OF_REAL_PEOPLE,
    FIRST_WITH_SPARES,
    FORMAT_VERSION,
    FORMAT_VERSIONS,
    format_version_of,
    manifest_document,
    manifest_parts,
)
from .manifest_records import Attempt, Rejection, SplitRecord
from .parsing import canonical_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from .arrays import ArraySpec
    from .files import FileRecord

__all__ = ["FORMAT_VERSION", "MOST_MANIFEST_BYTES", "Attempt", "Manifest", "Rejection", "SplitRecord"]

MOST_MANIFEST_BYTES = 256 * 2**20

_MOST_SLOTS = 10**9
_PATTERNS = {
    "name": r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$",
    "version": r"^\d{1,9}\.\d{1,9}\.\d{1,9}([-+][0-9A-Za-z.+-]{1,100})?$",
    "sha256": r"^[0-9a-f]{64}$",
    "split": r"^[A-Za-z0-9_]{1,64}$",
}


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """A data set in one value; it cannot be changed.

    Attributes:
        name, version: of the data set; the version is semantic.
        recipe_sha256: of the bytes of `recipe.yaml`.
        lock: what else the voxels depend on: backend, weights, packages, device; group → name → value.
        splits: name → sizes, in no order of its own (`split_names` has one).
        arrays: folder (`volumes/train.zarr/image`) → spec; every split has the same arrays.
        rejected: holes, sorted by index.
        files: path → record, for each file except the manifest, what may be edited later, and spare copies.
        synthetic: whether no sample shows a real person.
        format_version: of the files; 0 for the one that is written now.

    Raises:
        FormatError: the parts contradict each other.
        UnsafePathError: a path leads out of the store.
    """

    name: str
    version: str
    recipe_sha256: str
    lock: Mapping[str, Mapping[str, Any]]
    splits: Mapping[str, SplitRecord]
    arrays: Mapping[str, ArraySpec]
    rejected: tuple[Rejection, ...]
    files: Mapping[str, FileRecord]
    synthetic: bool = True
    format_version: int = 0

    def __post_init__(self) -> None:
        if not self.format_version:
            object.__setattr__(self, "format_version", format_version_of(synthetic=self.synthetic))
        _check_names(self)
        _check_splits(self)
        _check_arrays(self)
        _check_files(self)

    @cached_property
    def digest(self) -> str:
        """Identity of the data set: sha256 of the bytes of the manifest, in hex."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    @property
    def split_names(self) -> tuple[str, ...]:
        """Splits in the order in which the table has them: train, validation, test, then the rest by name."""
        first = [name for name in ("train", "validation", "test") if name in self.splits]
        return (*first, *sorted(set(self.splits) - set(first)))

    @property
    def specs(self) -> dict[str, ArraySpec]:
        """Array name → spec, `image` first."""
        specs = {spec.name: spec for spec in self.arrays.values()}
        return {name: specs[name] for name in sorted(specs, key=lambda name: (name != "image", name))}

    def holes(self, split: str) -> list[int]:
        """Slots of a split that hold no sample, sorted."""
        return sorted(rejection.slot for rejection in self.rejected if rejection.split == split)

    def sample_slots(self, split: str) -> NDArray[np.int64]:
        """Slots of a split that hold a sample, which are those of its rows in order."""
        return np.delete(np.arange(self.splits[split].slots, dtype=np.int64), self.holes(split))

    def metadata_files(self, split: str) -> list[str]:
        """Paths of a split's Parquet files in order."""
        pattern = re.compile(rf"metadata/{re.escape(split)}-\d{{5}}-of-\d{{5}}\.parquet")
        return sorted(path for path in self.files if pattern.fullmatch(path))

    def to_bytes(self) -> bytes:
        """Bytes of `voxpress.json`."""
        return canonical_json(manifest_document(self))

    @classmethod
    def from_bytes(cls, data: bytes, source: str) -> Manifest:
        """Parse a manifest that is not trusted.

        Args:
            data: content of `voxpress.json`.
            source: where it came from, for messages.

        Raises:
            FormatError: not a manifest, of a newer format version, contradictory, or not in canonical form.
            UnsafePathError: it names a path out of the store.
        """
        if len(data) > MOST_MANIFEST_BYTES:
            msg = f"{source} has {len(data)} bytes, the limit is {MOST_MANIFEST_BYTES}; it is not a manifest to trust"
            raise FormatError(msg)
        manifest = cls(**manifest_parts(data, source))
        if manifest.to_bytes() != data:
            msg = f"{source} is not in canonical form, so it was edited or damaged; get it again from its source"
            raise FormatError(msg)
        return manifest


def _check_names(manifest: Manifest) -> None:
    if manifest.format_version not in FORMAT_VERSIONS:
        msg = f"format_version must be one of {FORMAT_VERSIONS}, got {manifest.format_version}"
        raise FormatError(msg)
    if not manifest.synthetic and manifest.format_version < FIRST_OF_REAL_PEOPLE:
        msg = (
            f"{MANIFEST_NAME}: synthetic must be true in format version {manifest.format_version}, got false; samples "
            f"that are not synthetic need version {FIRST_OF_REAL_PEOPLE}"
        )
        raise FormatError(msg)
    fields = (("name", "name"), ("version", "version"), ("recipe_sha256", "sha256"))
    for field, kind in fields:
        _check_pattern(getattr(manifest, field), kind, field)
    for split in manifest.splits:
        _check_pattern(split, "split", "the name of a split")


def _check_pattern(text: str, kind: str, where: str) -> None:
    if not re.fullmatch(_PATTERNS[kind], text, flags=re.ASCII):
        msg = f"{MANIFEST_NAME}: {where} must match {_PATTERNS[kind]}, got {text[:200]!r}"
        raise FormatError(msg)


def _check_splits(manifest: Manifest) -> None:
    holes = [(rejection.split, rejection.slot) for rejection in manifest.rejected]
    for name, split in manifest.splits.items():
        empty = sum(hole == name for hole, _ in holes)
        if split.slots > _MOST_SLOTS or split.shard_samples < 1 or split.samples + empty != split.slots:
            msg = (
                f"{MANIFEST_NAME}: split {name!r} must have at most {_MOST_SLOTS} slots, each a sample or rejected, "
                f"got {split} with {empty} rejected"
            )
            raise FormatError(msg)
    if len(set(holes)) < len(holes) or any(
        split not in manifest.splits or slot >= manifest.splits[split].slots for split, slot in holes
    ):
        msg = f"{MANIFEST_NAME}: rejected names a slot twice, or one that no split has"
        raise FormatError(msg)


def _check_arrays(manifest: Manifest) -> None:
    specs = manifest.specs
    expected = {array_path(split, name): spec for split in manifest.splits for name, spec in specs.items()}
    if not specs or dict(manifest.arrays) != expected:
        msg = f"{MANIFEST_NAME}: the arrays of all splits must be the same, got {list(manifest.arrays)[:9]}"
        raise FormatError(msg)
    for spec in specs.values():
        if any(split.shard_samples != spec.shard_samples for split in manifest.splits.values()):
            msg = f"{MANIFEST_NAME}: array {spec.name!r} and the splits disagree on shard_samples"
            raise FormatError(msg)
        if manifest.format_version == 1 and (spec.chunk, spec.codecs) != (default_chunk(spec.shape), CODECS):
            msg = (
                f"{MANIFEST_NAME}: array {spec.name!r} must have the chunk {default_chunk(spec.shape)} and the codecs "
                f"{list(CODECS)} in format version 1, got {spec.chunk} and {list(spec.codecs)}"
            )
            raise FormatError(msg)


def _check_files(manifest: Manifest) -> None:
    for path in manifest.files:
        _check_pattern(manifest.files[path].sha256, "sha256", f"sha256 of {check_relative(path)[:200]!r}")
        if path == MANIFEST_NAME or is_editable(path):
            msg = f"{MANIFEST_NAME}: files must not list {path!r}, which may change after the manifest is written"
            raise FormatError(msg)
        if manifest.format_version >= FIRST_WITH_SPARES and is_spare(path):
            msg = f"{MANIFEST_NAME}: files must not list {path!r}, which is in the folder of the copies of listed files"
            raise FormatError(msg)
    for path in _needed_files(manifest):
        if path not in manifest.files:
            msg = f"{MANIFEST_NAME}: files must list {path!r}, which the splits and arrays call for"
            raise FormatError(msg)
    for split, record in manifest.splits.items():
        if record.samples and not manifest.metadata_files(split):
            msg = f"{MANIFEST_NAME}: files lists no metadata/{split}-*.parquet for {record.samples} samples"
            raise FormatError(msg)


def _needed_files(manifest: Manifest) -> Iterator[str]:
    for split, record in manifest.splits.items():
        yield group_zarr_json_path(split)
        for name in manifest.specs:
            yield array_zarr_json_path(split, name)
            yield from (shard_path(split, name, number) for number in range(record.shards))
