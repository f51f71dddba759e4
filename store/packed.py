"""Inner chunks as they are packed in the shards, for copies that leave them so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ..errors import CorruptError
from .codec_chain import has_checksum
from .codecs import CRC_BYTES, decoder
from .files import ADVICE
from .layout import array_path, shard_path
from .plan import Coalescing, coalesce, parts_of
from .shard_indexes import FETCHES, ShardIndexes
from .threads import map_in_order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .arrays import ArraySpec
    from .cohort import Cohort

__all__ = ["Chunks", "PackedReader"]

Chunks = list[bytes | None]
"""The inner chunks of one sample of one array in C order; None for one that is all background."""

_RULE: Final = Coalescing(max_gap_bytes=4 * 2**20, max_read_bytes=32 * 2**20)
"""Rather some MB that nobody needs than one request more: servers limit the rate of requests, and 4 MB take 40 ms."""


class PackedReader:
    """Reads chunks by few requests, and checks nothing but indexes; `unpacked` tells whether they are sound.

    Args:
        cohort: whose rows are read.
        transfers: requests at a time.
    """

    def __init__(self, cohort: Cohort, transfers: int) -> None:
        self._source = cohort.store.source
        self._manifest = cohort.manifest
        self._where = cohort.locations
        self._indexes = ShardIndexes(self._source, self._manifest, lambda *_: None)
        self._transfers = transfers

    def chunks(self, rows: Sequence[int], name: str) -> dict[int, Chunks]:
        """Chunks of some rows of the cohort.

        Args:
            rows: their numbers.
            name: of the array.

        Raises:
            CorruptError: a shard is missing, or its index is wrong.
            RemoteError, StallError: as `Source`.
        """
        found: dict[int, Chunks] = {}
        shards: list[str] = []
        starts: list[int] = []
        stops: list[int] = []
        files: list[int] = []
        owners: list[tuple[int, int]] = []
        for row in rows:
            shard, entries = self._entries(row, name)
            if shard not in shards:
                shards.append(shard)
            found[row] = [None] * len(entries)
            for number, (start, size) in enumerate(entries):
                if start >= 0:
                    starts.append(start)
                    stops.append(start + size)
                    files.append(shards.index(shard))
                    owners.append((row, number))
        reads = coalesce(starts, stops, _RULE, files)

        def read(numbers: list[int]) -> bytearray:
            start = starts[numbers[0]]
            data = bytearray(max(stops[number] for number in numbers) - start)
            self._source.read_into(shards[files[numbers[0]]], start, memoryview(data))
            return data

        for numbers, data in zip(reads, map_in_order(read, reads, self._transfers), strict=True):
            first = starts[numbers[0]]
            for number in numbers:
                row, chunk = owners[number]
                found[row][chunk] = bytes(data[starts[number] - first : stops[number] - first])
        return found

    def sound(self, row: int, name: str, chunks: Chunks) -> tuple[Chunks, NDArray[Any]]:
        """Chunks as `assemble_shard` takes them, and what they unpack to; what was damaged on the way is fetched again.

        Raises:
            CorruptError: they are wrong where they come from.
        """
        spec = self._manifest.specs[name]
        for left in reversed(range(1 + (FETCHES if self._source.remote else 0))):
            try:
                voxels = _unpacked(spec, chunks)
            except ValueError as error:
                if not left:
                    shard, _ = self._entries(row, name)
                    msg = f"{shard} cannot be decoded ({error}); {ADVICE}"
                    raise CorruptError(msg, kind="checksum", path=shard) from error
            else:
                end = -CRC_BYTES if has_checksum(spec.codecs) else None
                return [chunk and chunk[:end] for chunk in chunks], voxels
            chunks = self.chunks([row], name)[row]
        raise AssertionError

    def _entries(self, row: int, name: str) -> tuple[str, list[list[int]]]:
        """Shard of a row, and offset and size of its chunks."""
        split, slot = self._where.splits[self._where.split[row]], int(self._where.slot[row])
        spec = self._manifest.arrays[array_path(split, name)]
        shard = shard_path(split, name, slot // spec.shard_samples)
        first = slot % spec.shard_samples * spec.chunks_per_sample
        return shard, self._indexes.of(shard, spec)[first : first + spec.chunks_per_sample].tolist()


def _unpacked(spec: ArraySpec, chunks: Chunks) -> NDArray[Any]:
    """Voxels of a sample, (x, y, z).

    Raises:
        ValueError: a checksum or a size is wrong.
    """
    voxels: NDArray[Any] = np.zeros(spec.shape, spec.numpy_dtype)
    held: NDArray[Any] = np.empty(spec.chunk, spec.numpy_dtype)
    decode = decoder(spec)
    for chunk, (_, outer) in zip(chunks, parts_of(None, spec).slices, strict=True):
        if chunk is not None:
            decode(np.frombuffer(chunk, np.uint8), held)
            voxels[outer] = held
    return voxels.astype(spec.dtype, copy=False)
