"""The manifest as JSON: the document of its parts, and its parts from a document that is not trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ..errors import FormatError
from .arrays import ArraySpec
from .files import FileRecord
from .layout import check_relative, split_and_name
from .manifest_records import Attempt, Rejection, SplitRecord
from .parsing import as_bool, as_int, as_list, as_mapping, as_str, parse_json, refuse_unknown

if TYPE_CHECKING:
    from .manifest import Manifest

__all__ = [
    "FIRST_OF_REAL_PEOPLE",
    "FIRST_WITH_SPARES",
    "FORMAT_VERSION",
    "FORMAT_VERSIONS",
    "format_version_of",
    "manifest_document",
    "manifest_parts",
]

FORMAT_VERSION: Final = 3
"""Of what is written of synthetic samples."""

FORMAT_VERSIONS: Final = (1, 2, 3, 4)
"""What can be read."""

FIRST_WITH_SPARES: Final = 3
"""From this version on a store has copies of what is no shard."""

FIRST_OF_REAL_PEOPLE: Final = 4
"""From this version on a store may hold samples that are not synthetic. Readers of the versions before take every store
for synthetic, so they must not open it."""

_MOST_FILES = 1_000_000
_MOST_REJECTED = 10**7
_MOST_REASONS = 1000
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


def format_version_of(*, synthetic: bool) -> int:
    """The format version of what is written: the lowest that can say it, so that nothing else changes its bytes."""
    return FORMAT_VERSION if synthetic else FIRST_OF_REAL_PEOPLE


def manifest_document(manifest: Manifest) -> dict[str, Any]:
    """What `voxpress.json` holds, as plain JSON values."""
    slots = {f"volumes/{split}.zarr": record.slots for split, record in manifest.splits.items()}
    return {
        "arrays": {path: spec.to_json(slots[path.rpartition("/")[0]]) for path, spec in manifest.arrays.items()},
        "files": {path: {"bytes": file.bytes, "sha256": file.sha256} for path, file in manifest.files.items()},
        "format_version": manifest.format_version,
        "lock": manifest.lock,
        "name": manifest.name,
        "recipe_sha256": manifest.recipe_sha256,
        "rejected": [_rejection_json(rejection) for rejection in manifest.rejected],
        "splits": {
            name: {"samples": s.samples, "shard_samples": s.shard_samples, "slots": s.slots}
            for name, s in manifest.splits.items()
        },
        "synthetic": manifest.synthetic,
        "version": manifest.version,
    }


def manifest_parts(data: bytes, source: str) -> dict[str, Any]:
    """Fields of `Manifest` by name, each of the right type; whether they fit together is for `Manifest` to say.

    Args:
        data: content of `voxpress.json`.
        source: where it came from, for messages.

    Raises:
        FormatError: not a manifest, or one of a newer format version.
        UnsafePathError: an array lies outside the store.
    """
    fields = as_mapping(parse_json(data, source), source)
    _check_version(fields.get("format_version"), source)
    refuse_unknown(fields, _FIELDS, source)
    return {
        "format_version": fields["format_version"],
        "name": as_str(fields["name"], f"{source}: name"),
        "version": as_str(fields["version"], f"{source}: version"),
        "recipe_sha256": as_str(fields["recipe_sha256"], f"{source}: recipe_sha256"),
        "lock": _lock(fields["lock"], f"{source}: lock"),
        "splits": _splits(fields["splits"], f"{source}: splits"),
        "arrays": _arrays(fields["arrays"], fields["splits"], f"{source}: arrays"),
        "rejected": _rejected(fields["rejected"], f"{source}: rejected"),
        "files": _files(fields["files"], f"{source}: files"),
        "synthetic": as_bool(fields["synthetic"], f"{source}: synthetic"),
    }


def _check_version(version: Any, source: str) -> None:
    if isinstance(version, int) and not isinstance(version, bool) and version > FORMAT_VERSIONS[-1]:
        msg = (
            f"{source} has format version {version}; this voxpress reads up to {FORMAT_VERSIONS[-1]}: upgrade voxpress"
        )
        raise FormatError(msg)
    if version not in FORMAT_VERSIONS or not isinstance(version, int) or isinstance(version, bool):
        known = f"1 to {FORMAT_VERSIONS[-1]}"
        msg = f"{source} must have format_version {known}, got {str(version)[:200]!r}; it is not a manifest"
        raise FormatError(msg)


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
        split, _ = split_and_name(path)
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
