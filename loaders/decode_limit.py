"""How many items a second the cores can decode at most, whatever it takes to get the bytes."""

from __future__ import annotations

import itertools
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ..store.codecs import decoder
from ..store.layout import array_path
from ..store.reads import Wanted
from ..store.threads import available_cpus
from ..store.timed import TimedStore
from .patches import random_box

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ..store.codecs import Decode
    from ..store.cohort import Cohort

    Packed = list[tuple[str, NDArray[np.uint8]]]

__all__ = ["decode_limit"]

_MOST_BYTES: Final = 64 * 2**20
"""Decoded; more than most caches of a processor hold, so that it is memory that the bytes come from."""
_MOST_ITEMS: Final = 64


def decode_limit(cohort: Cohort, *, keys: Sequence[str], patch: tuple[int, int, int] | None, seconds: float) -> float:
    """Decode the same chunks again and again from memory, in a thread a core, and do nothing else with them.

    Args:
        cohort: of `voxpress.store.timed.open_timed`; the reads are not counted.
        keys: arrays of an item.
        patch: voxels of a box, whose chunks are decoded whole; None for whole volumes.
        seconds: to measure for; fetching the bytes comes on top.

    Returns:
        items a second.
    """
    assert isinstance(cohort.store, TimedStore)
    items = _packed(cohort, keys, patch)
    paths = {path for item in items for path, _ in item}
    decoders = {path: decoder(cohort.manifest.arrays[path]) for path in paths}
    scratch = {path: cohort.manifest.arrays[path] for path in paths}
    threads = available_cpus()
    start = time.perf_counter()

    def work(first: int) -> int:
        into = {path: np.empty(spec.chunk, spec.numpy_dtype) for path, spec in scratch.items()}
        for done, place in enumerate(itertools.count(first)):
            if done and time.perf_counter() - start >= seconds:
                return done
            _decode(items[place % len(items)], decoders, into)
        raise AssertionError

    with ThreadPoolExecutor(threads, thread_name_prefix="voxpress-decode") as pool:
        done = sum(pool.map(work, range(threads)))
    return done / (time.perf_counter() - start)


def _decode(item: Packed, decoders: Mapping[str, Decode], into: Mapping[str, NDArray[Any]]) -> None:
    for path, data in item:
        decoders[path](data, into[path])


def _packed(cohort: Cohort, keys: Sequence[str], patch: tuple[int, int, int] | None) -> list[Packed]:
    """Bytes of the chunks of some items, evenly spread over the cohort."""
    assert isinstance(cohort.store, TimedStore)
    reader, where = cohort.store.reader, cohort.locations
    items: list[Packed] = []
    size = 0
    count = min(len(cohort), _MOST_ITEMS)
    for row in np.unique(np.linspace(0, len(cohort) - 1, count).astype(int)).tolist():
        box = None if patch is None else random_box(cohort.specs[keys[0]].shape, patch, seed=0, epoch=0, index=row)
        item: Packed = []
        for key in keys:
            path, spec = array_path(where.splits[where.split[row]], key), cohort.specs[key]
            target = np.empty(patch or spec.shape, spec.numpy_dtype)
            one = Wanted(path=path, slot=int(where.slot[row]), box=box, target=target)
            item += reader.packed(reader.shard_of(path, one.slot), [one])
            size += target.nbytes
        items.append(item)
        if size >= _MOST_BYTES:
            break
    return items
