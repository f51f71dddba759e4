"""The indexes of shards that were used last, so that a read needs no request of its own for one."""

from __future__ import annotations

import threading
import zlib
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

import numpy as np

from ..errors import CorruptError
from .files import ADVICE
from .shards import index_bytes, parse_index

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from .arrays import ArraySpec
    from .cache import CachedShard
    from .manifest import Manifest
    from .sources import Source

__all__ = ["FETCHES", "ShardIndexes"]

FETCHES: Final = 2
"""How often bytes with a wrong checksum are fetched again before the remote file itself is held to be wrong."""

_MOST_BYTES: Final = 64 * 2**20
"""Indexes of 8,000 shards of 64 samples in 8 chunks: more than an epoch of half a million samples goes back to."""

_TURNS: Final = 64
"""Locks that the shards share: more than there are threads."""


class ShardIndexes:
    """Offset and size of each inner chunk, for the shards of a store. Any thread may ask.

    Args:
        source: where the shards are.
        manifest: their sizes.
        cached: what the local cache has of a shard, if there is one.
    """

    def __init__(
        self, source: Source, manifest: Manifest, cached: Callable[[str, ArraySpec], CachedShard | None]
    ) -> None:
        self._source = source
        self._manifest = manifest
        self._cached = cached
        self._lock = threading.Lock()
        self._turns = [threading.Lock() for _ in range(_TURNS)]
        self._held: OrderedDict[str, tuple[object, NDArray[np.int64]]] = OrderedDict()
        self._bytes = 0

    def of(self, shard: str, spec: ArraySpec) -> NDArray[np.int64]:
        """The index of a shard, read anew when a local file has changed.

        Returns:
            (chunks, 2) offset and size, both negative for a chunk that is missing.

        Raises:
            CorruptError: the file is missing, has another size than the manifest says, or its index is wrong.
        """
        size = self._manifest.files[shard].bytes
        state = self._source.state(shard, size)
        found = self._get(shard, state)
        if found is not None:
            return found
        # so that several threads that come upon a shard together make one request
        with self._turn(shard):
            found = self._get(shard, state)
            if found is None:
                found = self._read(shard, spec, size).view(np.int64).reshape(-1, 2)
                self._put(shard, state, found)
        return found

    def _turn(self, shard: str) -> threading.Lock:
        return self._turns[zlib.crc32(shard.encode()) % len(self._turns)]

    def _read(self, shard: str, spec: ArraySpec, size: int) -> NDArray[np.uint64]:
        cached = self._cached(shard, spec)
        if cached is not None and (kept := cached.index()) is not None:
            try:
                return parse_index(spec, kept, size)
            except ValueError:
                cached.forget_index()
        index, tail = self._fetch(shard, spec, size)
        if cached is not None:
            cached.keep_index(tail)
        return index

    def _fetch(self, shard: str, spec: ArraySpec, size: int) -> tuple[NDArray[np.uint64], bytes]:
        tail = np.empty(index_bytes(spec), np.uint8)
        left = FETCHES if self._source.remote else 0
        while True:
            self._source.read_into(shard, max(0, size - len(tail)), tail.data)
            try:
                return parse_index(spec, tail.tobytes(), size), tail.tobytes()
            except ValueError as error:
                if not left:
                    msg = f"{shard}: {error}; {ADVICE}"
                    raise CorruptError(msg, kind="checksum", path=shard) from error
            left -= 1

    def _get(self, shard: str, state: object) -> NDArray[np.int64] | None:
        with self._lock:
            found = self._held.get(shard)
            if found is None or found[0] != state:
                return None
            self._held.move_to_end(shard)
            return found[1]

    def _put(self, shard: str, state: object, index: NDArray[np.int64]) -> None:
        with self._lock:
            if shard in self._held:
                self._bytes -= self._held.pop(shard)[1].nbytes
            self._held[shard] = state, index
            self._bytes += index.nbytes
            while self._bytes > _MOST_BYTES and len(self._held) > 1:
                self._bytes -= self._held.popitem(last=False)[1][1].nbytes
