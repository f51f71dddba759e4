"""A shard of random pieces, and what other processes do with a cache of it: they import it by name."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from crc32c import crc32c

from voxpress.store.cache import Cache, CachedShard, cache_of
from voxpress.store.cache.cache import _OPENED

MISSING = 2**64 - 1


@dataclass(frozen=True)
class Shard:
    """Its bytes, and where its pieces are; every fifth of seven is left out as background."""

    data: bytes
    index: bytes
    starts: list[int]
    sizes: list[int]

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def there(self) -> list[int]:
        return [number for number, size in enumerate(self.sizes) if size]

    def piece(self, number: int) -> bytes:
        return self.data[self.starts[number] : self.starts[number] + self.sizes[number]]

    def open(self, cache: Cache) -> CachedShard:
        return cache.open_shard(self.sha256, len(self.data), len(self.sizes))

    def keep(self, cached: CachedShard, numbers: list[int]) -> bool:
        return cached.keep(numbers, [self.starts[n] for n in numbers], [self.piece(n) for n in numbers])

    def fill(self, cached: CachedShard) -> bool:
        return self.keep(cached, self.there) and cached.keep_index(self.index)

    def read(self, cached: CachedShard, number: int) -> bytes:
        out = bytearray(b"?" * self.sizes[number])
        cached.read_into(self.starts[number], memoryview(out))
        return bytes(out)

    def wrong(self, cached: CachedShard) -> list[int]:
        """Pieces that are said to be there and differ."""
        held = np.array(self.there)[cached.have(self.there)].tolist()
        return [number for number in held if self.read(cached, number) != self.piece(number)]


def make(seed: int, chunks: int = 24, about: int = 5000) -> Shard:
    """A shard of `chunks` pieces of about `about` random bytes."""
    random = np.random.default_rng(seed)
    sizes = [0 if number % 7 == 5 else int(random.integers(about // 2, about)) for number in range(chunks)]
    starts = [sum(sizes[:number]) for number in range(chunks)]
    entries = [(start, size) if size else (MISSING, MISSING) for start, size in zip(starts, sizes, strict=True)]
    table = np.array(entries, "<u8").tobytes()
    index = table + crc32c(table).to_bytes(4, "little")
    return Shard(random.bytes(sum(sizes)) + index, index, starts, sizes)


def fill_in_turn(cache: Cache, seeds: list[int], order: int, answers: Any) -> None:
    """Keeps pieces one by one, in an order of its own, and looks for wrong ones all the while."""
    wrong = 0
    random = np.random.default_rng(order)
    for _ in range(4):
        for seed in random.permutation(seeds).tolist():
            shard = make(seed)
            for number in random.permutation(shard.there).tolist():
                cached = shard.open(cache)
                if not cached.have([number])[0]:
                    shard.keep(cached, [number])
                wrong += len(shard.wrong(cached))
    answers.put(wrong)


def read_back(cache: Cache, seed: int, answers: Any) -> None:
    shard = make(seed)
    cached = shard.open(cache)
    answers.put((int(cached.have(shard.there).sum()), shard.wrong(cached)))


def die_between_bytes_and_mark(folder: str) -> None:
    """Is killed after a piece was written and before it is marked."""
    shard = make(1)
    cached = shard.open(cache_of(folder, "1GB"))
    shard.keep(cached, [0, 1])
    write, written = os.pwritev, []

    def pwritev(handle: int, buffers: Any, start: int) -> int:
        if written:
            os.kill(os.getpid(), signal.SIGKILL)
        written.append(start)
        return write(handle, buffers, start)

    os.pwritev = pwritev
    shard.keep(cached, [2])


def use_full_disk(folder: str) -> None:
    """Fills a small disk of its own, then makes it larger, then read-only."""
    _mount("-t", "tmpfs", "-o", "size=64k", "none", folder)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        cache = cache_of(Path(folder) / "cache", "1GB")
        shards = [make(seed) for seed in range(4)]
        kept = [shard.keep(shard.open(cache), [number]) for shard in shards for number in shard.there]
        assert kept[0]
        assert not kept[-1]
        assert len(told) == 1
        assert "cannot be written" in str(told[0].message)
        assert not any(shard.wrong(shard.open(cache)) for shard in shards)
        held = [number for shard in shards for number in shard.open(cache).have(shard.there).tolist()]
        assert held == kept
        _mount("-o", "remount,size=1M", folder)
        assert all(shard.fill(shard.open(cache)) for shard in shards)
        _OPENED.clear()  # a disk with files that are open for writing cannot be made read-only
        _mount("-o", "remount,ro", folder)
        _read_only(folder, shards[0])
    print("survived")  # noqa: T201


def _read_only(folder: str, shard: Shard) -> None:
    fresh = cache_of(Path(folder) / "cache", "2GB")
    cached = shard.open(fresh)
    assert cached.have(shard.there).all()
    assert shard.wrong(cached) == []
    assert not shard.keep(cached, [0])
    cached.forget([0])
    assert not cached.have([0])[0]
    assert cached.have(shard.there[1:]).all()
    assert not make(99).fill(make(99).open(fresh))
    elsewhere = cache_of(Path(folder) / "other", "1GB")
    assert not shard.fill(shard.open(elsewhere))
    assert not shard.open(elsewhere).have([0])[0]


def use_small_files(folder: str) -> None:
    """Cannot write beyond the first 20,000 bytes of a file."""
    import resource

    # Python ignores the signal, so that a write fails instead
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        cache = cache_of(folder, "1GB")
        small, large = make(1, chunks=4, about=2000), make(2)
        assert small.fill(small.open(cache))
        assert not large.fill(large.open(cache))
        assert not large.fill(large.open(cache))
        assert small.wrong(small.open(cache)) == []
        assert len(told) == 1
    print("survived")  # noqa: T201


def _mount(*options: str) -> None:
    subprocess.run(["mount", *options], check=True)


if __name__ == "__main__":
    import shard_pieces

    getattr(shard_pieces, sys.argv[1])(sys.argv[2])
