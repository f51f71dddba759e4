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
from .arrays import ArraySpec
from .files import FileRecord
from .layout import (
    MANIFEST_NAME,
    array_path,
    array_zarr_json_path,
    check_relative,
    group_zarr_json_path,
    is_editable,
    shard_path,
)
from .parsing import as_int, as_list, as_mapping, as_str, canonical_json, parse_json, refuse_unknown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

__all__ = ["FORMAT_VERSION", "MOST_MANIFEST_BYTES", "Attempt", "Manifest", "Rejection", "SplitRecord"]

FORMAT_VERSION = 1
MOST_MANIFEST_BYTES = 256 * 2**20

_MOST_SLOTS = 10**9
_MOST_FILES = 1_000_000
_MOST_REJECTED = 10**7
_MOST_REASONS = 1000
_PATTERNS = {
    "name": r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$",
    "version": r"^\d{1,9}\.\d{1,9}\.\d{1,9}([-+][0-9A-Za-z.+-]{1,100})?$",
    "sha256": r"^[0-9a-f]{64}$",
    "split": r"^[A-Za-z0-9_]{1,64}$",
}
_FIELDS = (
    "arrays",
    "files",
    "format_version",
    "lock",
    "name",
    "recipe_sha256",
    "rejected",
    "splits",
    "synthetic",
    "version",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitRecord:
    """Size of a split.

    Attributes:
        slots: positions in its arrays, holes included.
        samples: rows of its table, one for each slot that is not a hole.
        shard_samples: slots of one shard file.
    """

    slots: int
    samples: int
    shard_samples: int

    @property
    def shards(self) -> int:
        """Shard files of each of its arrays."""
        return -(-self.slots // self.shard_samples)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One volume that was made and refused.

    Attributes:
        attempt: its number, from 0.
        seed: what it was made from.
        reasons: why the gate refused it.
    """

    attempt: int
    seed: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """A sample that was planned and is not there, because no attempt passed: a hole.

    Attributes:
        sample_id, index, split: as its row would have had them.
        slot: position in the split's arrays that is empty.
        attempts: what was tried.
    """

    sample_id: str
    index: int
    split: str
    slot: int
    attempts: tuple[Attempt, ...]


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
        files: path → record, for each file except the manifest and what may be edited later.

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

    def __post_init__(self) -> None:
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
        return canonical_json(
            {
                "arrays": {path: spec.to_json(self._slots(path)) for path, spec in self.arrays.items()},
                "files": {path: {"bytes": file.bytes, "sha256": file.sha256} for path, file in self.files.items()},
                "format_version": FORMAT_VERSION,
                "lock": self.lock,
                "name": self.name,
                "recipe_sha256": self.recipe_sha256,
                "rejected": [_rejection_json(rejection) for rejection in self.rejected],
                "splits": {
                    name: {"samples": s.samples, "shard_samples": s.shard_samples, "slots": s.slots}
                    for name, s in self.splits.items()
                },
                "synthetic": True,
                "version": self.version,
            }
        )

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
        fields = as_mapping(parse_json(data, source), source)
        _check_version(fields.get("format_version"), source)
        refuse_unknown(fields, _FIELDS, source)
        manifest = cls(
            name=as_str(fields["name"], f"{source}: name"),
            version=as_str(fields["version"], f"{source}: version"),
            recipe_sha256=as_str(fields["recipe_sha256"], f"{source}: recipe_sha256"),
            lock=_lock(fields["lock"], f"{source}: lock"),
            splits=_splits(fields["splits"], f"{source}: splits"),
            arrays=_arrays(fields["arrays"], fields["splits"], f"{source}: arrays"),
            rejected=_rejected(fields["rejected"], f"{source}: rejected"),
            files=_files(fields["files"], f"{source}: files"),
        )
        if manifest.to_bytes() != data:
            msg = f"{source} is not in canonical form, so it was edited or damaged; get it again from its source"
            raise FormatError(msg)
        return manifest

    def _slots(self, path: str) -> int:
        return next(record.slots for split, record in self.splits.items() if path.startswith(f"volumes/{split}.zarr/"))


def _check_version(version: Any, source: str) -> None:
    if isinstance(version, int) and not isinstance(version, bool) and version > FORMAT_VERSION:
        msg = f"{source} has format version {version}; this voxpress reads up to {FORMAT_VERSION}: upgrade voxpress"
        raise FormatError(msg)
    if version != FORMAT_VERSION or isinstance(version, bool):
        msg = f"{source} must have format_version {FORMAT_VERSION}, got {str(version)[:200]!r}; it is not a manifest"
        raise FormatError(msg)


def _check_names(manifest: Manifest) -> None:
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


def _check_files(manifest: Manifest) -> None:
    for path in manifest.files:
        check_relative(path)
        if path == MANIFEST_NAME or is_editable(path):
            msg = f"{MANIFEST_NAME}: files must not list {path!r}, which may change after the manifest is written"
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


def _lock(value: Any, where: str) -> dict[str, dict[str, Any]]:
    return {group: as_mapping(values, f"{where}.{group[:100]}") for group, values in as_mapping(value, where).items()}


def _splits(value: Any, where: str) -> dict[str, SplitRecord]:
    splits = {}
    for name, entry in as_mapping(value, where).items():
        sizes = as_mapping(entry, f"{where}.{name[:100]}")
        refuse_unknown(sizes, ("samples", "shard_samples", "slots"), f"{where}.{name[:100]}")
        splits[name] = SplitRecord(**{key: as_int(size, f"{where}.{name[:100]}.{key}") for key, size in sizes.items()})
    return splits


def _arrays(value: Any, splits: Any, where: str) -> dict[str, ArraySpec]:
    arrays = {}
    for path, entry in as_mapping(value, where).items():
        place = f'{where}["{path[:200]}"]'
        arrays[path], slots = ArraySpec.from_json(check_relative(path).rpartition("/")[2], entry, place)
        split = path.removeprefix("volumes/").partition(".zarr/")[0]
        expected = splits[split]["slots"] if split in splits else None
        if slots != expected:
            msg = f"{place}: shape begins with {slots}, but the split {split!r} has {expected} slots"
            raise FormatError(msg)
    return arrays


def _rejected(value: Any, where: str) -> tuple[Rejection, ...]:
    rejected = []
    for entry in as_list(value, where, most=_MOST_REJECTED):
        fields = as_mapping(entry, where)
        refuse_unknown(fields, ("attempts", "index", "sample_id", "slot", "split"), where)
        attempts = as_list(fields["attempts"], f"{where}.attempts", most=_MOST_REASONS)
        rejection = Rejection(
            sample_id=as_str(fields["sample_id"], f"{where}.sample_id"),
            index=as_int(fields["index"], f"{where}.index"),
            split=as_str(fields["split"], f"{where}.split"),
            slot=as_int(fields["slot"], f"{where}.slot"),
            attempts=tuple(_attempt(attempt, f"{where}.attempts") for attempt in attempts),
        )
        rejected.append(rejection)
    return tuple(rejected)


def _attempt(value: Any, where: str) -> Attempt:
    fields = as_mapping(value, where)
    refuse_unknown(fields, ("attempt", "reasons", "seed"), where)
    reasons = as_list(fields["reasons"], f"{where}.reasons", most=_MOST_REASONS)
    return Attempt(
        attempt=as_int(fields["attempt"], f"{where}.attempt"),
        seed=as_int(fields["seed"], f"{where}.seed"),
        reasons=tuple(as_str(reason, f"{where}.reasons") for reason in reasons),
    )


def _files(value: Any, where: str) -> dict[str, FileRecord]:
    entries = as_mapping(value, where)
    if len(entries) > _MOST_FILES:
        msg = f"{where} lists {len(entries)} files, the limit is {_MOST_FILES}"
        raise FormatError(msg)
    files = {}
    for path, entry in entries.items():
        fields = as_mapping(entry, f"{where}.{path[:200]}")
        refuse_unknown(fields, ("bytes", "sha256"), f"{where}.{path[:200]}")
        files[path] = FileRecord(as_int(fields["bytes"], f"{where}.{path[:200]}"), as_str(fields["sha256"], where))
        _check_pattern(files[path].sha256, "sha256", f"sha256 of {path[:200]!r}")
    return files


def _rejection_json(rejection: Rejection) -> dict[str, Any]:
    return {
        "attempts": [
            {"attempt": attempt.attempt, "reasons": list(attempt.reasons), "seed": attempt.seed}
            for attempt in rejection.attempts
        ],
        "index": rejection.index,
        "sample_id": rejection.sample_id,
        "slot": rejection.slot,
        "split": rejection.split,
    }
