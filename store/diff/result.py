"""What a comparison of two data sets finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from ..manifest_records import Rejection
    from .fields import FieldChange

__all__ = ["ColumnChange", "Diff", "Example", "FileChanges", "Move", "RejectedChanges", "SampleChanges", "Side"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two data sets.

    Attributes:
        url: folder or address.
        name, version, digest, format_version: of its manifest.
        splits: split → samples, in the order of the table.
    """

    url: str
    name: str
    version: str
    digest: str
    format_version: int
    splits: Mapping[str, int]

    @property
    def samples(self) -> int:
        """In all splits."""
        return sum(self.splits.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One value that differs: of which sample, and what it is in each data set."""

    sample_id: str
    old: Any
    new: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnChange:
    """A column whose values differ.

    Attributes:
        column: its name.
        kind: `condition`, `measure`, `voxels`, `labels`, `quality`, `extents`, `origin` or `place`.
        samples: of those in both data sets, how many have another value.
        examples: the first of them.
    """

    column: str
    kind: str
    samples: int
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A sample that is elsewhere: its split and slot in each data set."""

    sample_id: str
    old: tuple[str, int]
    new: tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SampleChanges:
    """What became of the samples.

    Attributes:
        added, removed, changed, moved: their ids, as Arrow strings. A sample that is in both is changed where any
            column but its place differs, and moved where its split or slot does; it may be both.
        same: how many are neither changed nor moved.
        by_split: `added`, `removed`, `changed`, `moved`, `same` → split → how many; the split is that of the new data
            set, of removed samples that of the old one.
        columns: what differs, in the order of the columns.
        moves: the first samples that moved.
    """

    added: pa.Array
    removed: pa.Array
    changed: pa.Array
    moved: pa.Array
    same: int
    by_split: Mapping[str, Mapping[str, int]]
    columns: tuple[ColumnChange, ...]
    moves: tuple[Move, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedChanges:
    """Planned samples that no attempt made well enough.

    Attributes:
        added: rejected in the new data set only.
        removed: rejected in the old one only.
        changed: in both, with other attempts, as they are in the new one.
    """

    added: tuple[Rejection, ...]
    removed: tuple[Rejection, ...]
    changed: tuple[Rejection, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChanges:
    """Files by the records of the manifests.

    Attributes:
        added, removed, changed, same: how many.
        new_bytes: of those that are added or changed: what somebody who has the old data set lacks.
        beside: those that are neither voxels nor table and differ.
    """

    added: int
    removed: int
    changed: int
    same: int
    new_bytes: int
    beside: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Diff:
    """What differs between two data sets.

    Attributes:
        old, new: which.
        samples: what became of them.
        schema: columns of the table that were added, removed, or have another type.
        arrays: shape, dtype, chunk, codecs, affine, … of the arrays.
        recipe: fields of `recipe.yaml`.
        lock: what else decides the bytes, such as versions of packages.
        rejected: planned samples that are missing.
        files: by the manifests.
    """

    old: Side
    new: Side
    samples: SampleChanges
    schema: tuple[FieldChange, ...]
    arrays: tuple[FieldChange, ...]
    recipe: tuple[FieldChange, ...]
    lock: tuple[FieldChange, ...]
    rejected: RejectedChanges
    files: FileChanges

    @property
    def same(self) -> bool:
        """Whether the two are one data set: their manifests have the same digest, and so all their files."""
        return self.old.digest == self.new.digest
