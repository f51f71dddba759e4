"""How the voxels of a store are packed: chunks, codecs, samples a shard; and what a copy packed otherwise consists of.

Pure: values in, values out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from ..errors import FormatError, QueryError
from .arrays import default_chunk, thickest_slab
from .codec_chain import CODECS, FAST_CODECS, TRAINING_CODECS, UNCOMPRESSED_CODECS
from .patch_chunks import patch_chunk

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .arrays import ArraySpec
    from .codec_chain import Codecs
    from .manifest import Manifest
    from .opened import Locations

__all__ = ["PACKINGS", "CopyJob", "CopyPlan", "Packing", "codecs_of", "plan_copy"]

PACKINGS: Final = ("zstd", "zstd-fast", "lz4", "none")
"""Names of codec chains: the published one, two that are fast to decode, and none that compresses."""

_LZ4_SLAB_BYTES: Final = 4 * 2**20
"""A chunk of lz4 takes a call of its own, at which threads wait for the GIL, so it is larger than one of zstd: halves
of 160×224×160 bytes are read 1.4 times as fast as eighths, and patches at least as fast (docs/format.md)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Packing:
    """How to pack.

    Attributes:
        codec: one of `PACKINGS`.
        chunk: `slab` (whole y–z planes, for whole volumes: `default_chunk`, and for lz4 as many as fit 4 MiB), `patch`
            (what patches are read from fastest with either zstd: `patch_chunk`), `same` (as it is), or sizes such as
            ``10,224,160``.
        shard_samples: of one shard; None for as many as there are.

    Raises:
        FormatError: not one of these.
    """

    codec: str = "lz4"
    chunk: str = "slab"
    shard_samples: int | None = None

    def __post_init__(self) -> None:
        if self.codec not in PACKINGS:
            msg = f"codec must be one of {', '.join(PACKINGS)}, got {self.codec!r}"
            raise FormatError(msg)
        if self.chunk not in {"slab", "patch", "same"} and not re.fullmatch(r"\d{1,5},\d{1,5},\d{1,5}", self.chunk):
            msg = f"chunk must be slab, patch, same, or three sizes such as 10,224,160, got {self.chunk!r}"
            raise FormatError(msg)

    def applied(self, spec: ArraySpec) -> ArraySpec:
        """The same array, packed so.

        Raises:
            FormatError: the chunk does not divide its shape, or the shard is too large.
        """
        return replace(
            spec,
            chunk=self._chunk(spec),
            codecs=codecs_of(self.codec, spec.dtype),
            shard_samples=self.shard_samples or spec.shard_samples,
        )

    def _chunk(self, spec: ArraySpec) -> tuple[int, int, int]:
        if self.chunk == "same":
            return spec.chunk
        if self.chunk == "slab":
            if self.codec != "lz4":
                return default_chunk(spec.shape)
            _, y, z = spec.shape
            return thickest_slab(spec.shape, _LZ4_SLAB_BYTES // (y * z * spec.numpy_dtype.itemsize))
        if self.chunk == "patch":
            return patch_chunk(spec.shape, spec.numpy_dtype.itemsize)
        x, y, z = map(int, self.chunk.split(","))
        return x, y, z


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyJob:
    """One shard of a copy.

    Attributes:
        split, number: which.
        rows: for each of its slots the row of the cohort that goes there; None for a hole.
    """

    split: str
    number: int
    rows: tuple[int | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyPlan:
    """A copy of a data set, or of some rows of it.

    Attributes:
        slots: split → for each slot of the copy the row of the cohort; None for a hole.
        specs: array → its spec in the copy.
    """

    slots: Mapping[str, tuple[int | None, ...]]
    specs: Mapping[str, ArraySpec]

    @property
    def shard_samples(self) -> int:
        """Slots of one shard file."""
        return next(iter(self.specs.values())).shard_samples

    @property
    def samples(self) -> int:
        """Rows of the copy."""
        return sum(row is not None for slots in self.slots.values() for row in slots)

    def jobs(self) -> list[CopyJob]:
        """The shards of the copy."""
        size = self.shard_samples
        return [
            CopyJob(split=split, number=number, rows=slots[start : start + size])
            for split, slots in self.slots.items()
            for number, start in enumerate(range(0, len(slots), size))
        ]


def plan_copy(manifest: Manifest, locations: Locations, packing: Packing, *, whole: bool) -> CopyPlan:
    """Where each row of a cohort goes.

    Args:
        manifest: of the data set.
        locations: of the cohort's rows, splits in order and in each the slots in order.
        packing: of the copy.
        whole: all rows stay in their slots, and holes stay holes; otherwise the rows of a split close up, and a split
            without rows is left out.

    Raises:
        FormatError: the arrays cannot be packed so.
        QueryError: there is no row.
    """
    specs = {name: packing.applied(spec) for name, spec in manifest.specs.items()}
    slots: dict[str, tuple[int | None, ...]] = {}
    for number, split in enumerate(locations.splits):
        rows = np.flatnonzero(locations.split == number)
        if whole:
            placed: list[int | None] = [None] * manifest.splits[split].slots
            for row, slot in zip(rows.tolist(), locations.slot[rows].tolist(), strict=True):
                placed[slot] = row
            slots[split] = tuple(placed)
        elif len(rows):
            slots[split] = tuple(rows.tolist())
    if not slots:
        msg = "there is no sample to copy; ask for others"
        raise QueryError(msg)
    return CopyPlan(slots=slots, specs=specs)


def codecs_of(codec: str, dtype: str) -> Codecs:
    """The chain of one of `PACKINGS`, for voxels of a dtype."""
    chains = {
        "zstd": CODECS,
        "zstd-fast": FAST_CODECS,
        "lz4": TRAINING_CODECS[dtype],
        "none": UNCOMPRESSED_CODECS,
    }
    return chains[codec]
