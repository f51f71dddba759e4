"""Whole shards brought into the cache before their turn, where the order takes them window by window."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from ..errors import VoxpressError
from ..store.layout import array_path, shard_path
from .order import ShuffledShards, shard_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..store.cohort import Cohort
    from ..store.reads import Read
    from .order import Order, Windows

__all__ = ["ShardFetcher", "fetcher_for"]

_THREADS: Final = 4
"""Of 8 MiB each: enough for a fast line, and room for the reads of the batches that are next."""


def fetcher_for(cohort: Cohort, keys: Sequence[str], order: Order, *, seed: int, epoch: int) -> ShardFetcher | None:
    """What fetches ahead; None where it would be of no use: no cache, or samples from all over."""
    if cohort.store.reader.cache is None or not isinstance(order, ShuffledShards):
        return None
    return ShardFetcher(cohort, keys, order.windows(seed, epoch))


class ShardFetcher:
    """Fetches the window after the one that is being read. Threads are started when the first window is reached.

    Processes that share a cache each fetch the pieces of a shard in a random sequence of their own and leave out what
    is there by then, so that together they fetch little twice.
    """

    def __init__(self, cohort: Cohort, keys: Sequence[str], windows: Windows) -> None:
        self._cohort = cohort
        self._keys = keys
        self._windows = windows
        self._next = 0
        self._pool: ThreadPoolExecutor | None = None
        # differs between processes on purpose; the sequence of samples does not depend on it
        self._rng = random.Random()  # noqa: S311

    def reached(self, place: int) -> None:
        """Reading has come to a place of the epoch's sequence: fetch the window after it."""
        wanted = int(self._windows.of([place])[0]) + 1
        if wanted < self._next or wanted >= len(self._windows):
            return
        self._next = wanted + 1
        if self._pool is None:
            self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="voxpress-shards")
        _, _, shards = self._windows[wanted]
        for number in shards.tolist():
            split, shard = shard_at(self._cohort, number)
            for key in self._keys:
                self._pool.submit(self._fetch, array_path(split, key), shard_path(split, key, shard))

    def stop(self) -> None:
        """Fetch nothing more; what is under way ends by itself."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _fetch(self, path: str, shard: str) -> None:
        # whoever needs the bytes will meet the same error, and tell of it
        with suppress(VoxpressError, RuntimeError):
            reads = self._cohort.store.reader.whole_shard(shard, path)
            self._rng.shuffle(reads)
            assert self._pool is not None
            for read in reads:
                self._pool.submit(_run, read)


def _run(read: Read) -> None:
    with suppress(VoxpressError):
        read.run()
