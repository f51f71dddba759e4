"""The limit of a reader: the chunks of a store unpacked from memory, with nothing read, checked or collated."""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Sample = list[np.ndarray | None]
    """Packed chunks of one volume without their checksums; None for one that is all background."""

__all__ = ["decode_only"]

_BATCH = 2


def decode_only(folder: Path) -> Callable[[], Iterator[torch.Tensor]]:
    """Epochs of batches: the codec of the store, its chunks, a thread a core, buffers that are used again."""
    import voxpress as vp
    from voxpress.store.codecs import decoder

    cohort = vp.open(str(folder))
    spec = cohort.specs["image"]
    # without the checksum, which is the last of the chain
    unpack = _Unpack(decoder(replace(spec, codecs=spec.codecs[:-1])), spec.chunk, spec.grid)
    samples: list[Sample] = []
    # by number, as the last one may have holes at its end
    for path in sorted(folder.rglob("c.*"), key=lambda path: int(path.name.split(".")[1])):
        data = np.fromfile(path, np.uint8)
        index = vp.store.parse_index(spec, data[-vp.store.index_bytes(spec) :].tobytes(), len(data))
        samples += [_packed(data, entries) for entries in index.astype(np.int64)]
    samples = samples[: len(cohort)]
    threads = len(os.sched_getaffinity(0))
    ring = deque(torch.zeros((_BATCH, *spec.shape), dtype=torch.uint8) for _ in range(threads + 2))
    pool = ThreadPoolExecutor(threads)

    def epoch() -> Iterator[torch.Tensor]:
        begun: deque[tuple[torch.Tensor, list[Future[None]]]] = deque()
        for first in range(0, len(samples), _BATCH):
            ring.rotate(-1)
            some = samples[first : first + _BATCH]
            out = ring[0].numpy()
            begun.append((ring[0][: len(some)], [pool.submit(unpack, one, out[m]) for m, one in enumerate(some)]))
            if len(begun) > threads:
                yield _finished(*begun.popleft())
        for batch, waits in begun:
            yield _finished(batch, waits)

    return epoch


def _packed(data: np.ndarray, entries: np.ndarray) -> Sample:
    return [None if start < 0 else data[start : start + size - 4] for start, size in entries]


def _finished(batch: torch.Tensor, waits: list[Future[None]]) -> torch.Tensor:
    for wait in waits:
        wait.result()
    return batch


class _Unpack:
    def __init__(self, decode: Callable[..., None], chunk: tuple[int, ...], grid: tuple[int, ...]) -> None:
        self._decode, self._chunk = decode, chunk
        self._starts = [tuple(n * size for n, size in zip(at, chunk, strict=True)) for at in np.ndindex(*grid)]

    def __call__(self, sample: Sample, out: np.ndarray) -> None:
        scratch = np.empty(self._chunk, out.dtype)
        for chunk, start in zip(sample, self._starts, strict=True):
            target = out[tuple(slice(n, n + size) for n, size in zip(start, self._chunk, strict=True))]
            if chunk is None:
                target[...] = 0
            elif target.flags.c_contiguous:
                self._decode(chunk, target)
            else:
                self._decode(chunk, scratch)
                target[...] = scratch
