"""What differs between two manifests, beside the samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .fields import FieldChange, field_changes
from .result import FileChanges, RejectedChanges

if TYPE_CHECKING:
    from ..arrays import ArraySpec
    from ..manifest import Manifest

__all__ = ["array_changes", "file_changes", "is_beside", "rejected_changes"]


def array_changes(old: Manifest, new: Manifest) -> tuple[FieldChange, ...]:
    """Fields of the arrays that differ, as ``image.codecs``; how many samples there are is no part of them."""
    before, after = ({name: _plain(spec) for name, spec in manifest.specs.items()} for manifest in (old, new))
    return field_changes(before, after)


def rejected_changes(old: Manifest, new: Manifest) -> RejectedChanges:
    """Holes that came, went, or have other attempts."""
    before, after = ({each.sample_id: each for each in manifest.rejected} for manifest in (old, new))
    both = before.keys() & after.keys()
    return RejectedChanges(
        added=tuple(each for name, each in after.items() if name not in before),
        removed=tuple(each for name, each in before.items() if name not in after),
        changed=tuple(each for name, each in after.items() if name in both and each != before[name]),
    )


def file_changes(old: Manifest, new: Manifest) -> FileChanges:
    """Files by their records."""
    added = new.files.keys() - old.files.keys()
    removed = old.files.keys() - new.files.keys()
    changed = {path for path in new.files.keys() & old.files.keys() if new.files[path] != old.files[path]}
    return FileChanges(
        added=len(added),
        removed=len(removed),
        changed=len(changed),
        same=len(new.files) - len(added) - len(changed),
        new_bytes=sum(new.files[path].bytes for path in added | changed),
        beside=tuple(sorted(path for path in added | removed | changed if is_beside(path))),
    )


def is_beside(path: str) -> bool:
    """Whether a file is neither voxels nor table."""
    return path.partition("/")[0] not in {"volumes", "metadata"}


def _plain(spec: ArraySpec) -> dict[str, Any]:
    fields = spec.to_json(0)
    # the first axis is that of the samples
    fields |= {"shape": fields["shape"][1:], "chunk": fields["chunk"][1:], "shard_samples": fields.pop("shard")[0]}
    return fields
