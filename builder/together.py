"""Reads the volumes of a batch together: neighbours of a shard in one request, several requests at a time."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ..store.reads import Wanted
from ..store.threads import map_in_order
from .handles import handle_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .handles import Handle
    from .volume import LazyVolume

__all__ = ["read_together"]

_REQUESTS: Final = 8
"""At a time, of one batch; on this machine one after the other, as the workers of a loader use all cores already."""


def read_together(volumes: Sequence[LazyVolume]) -> list[NDArray[Any]]:
    """Voxels of each, (x, y, z) in the stored dtype; raises as `LazyVolume.read`."""
    targets: list[NDArray[Any]] = []
    shards: dict[tuple[Handle, str], list[Wanted]] = defaultdict(list)
    for volume in volumes:
        handle = handle_of(volume.root)
        spec = handle.check(volume.path, volume.index)
        targets.append(np.empty(spec.shape, spec.numpy_dtype))
        shard = handle.reader.shard_of(volume.path, volume.index)
        shards[handle, shard].append(Wanted(path=volume.path, slot=volume.index, box=None, target=targets[-1]))

    def plan(key: tuple[Handle, str]) -> list[tuple[Handle, Any]]:
        handle, shard = key
        with handle.told():
            return [(handle, read) for read in handle.reader.open(shard, shards[key])]

    def run(one: tuple[Handle, Any]) -> None:
        handle, read = one
        with handle.told():
            read.run()

    threads = _REQUESTS if any(handle.reader.source.remote for handle, _ in shards) else 1
    reads = [read for planned in map_in_order(plan, shards, threads) for read in planned]
    for _ in map_in_order(run, reads, min(threads, max(1, len(reads)))):
        pass
    return [target.astype(volume.dtype, copy=False) for target, volume in zip(targets, volumes, strict=True)]
