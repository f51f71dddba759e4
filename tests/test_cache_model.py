"""Whatever happens to a cache: a piece that is said to be there has the right bytes."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
import shard_pieces
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from voxpress.store.cache import Cache
from voxpress.store.cache.cache import _OPENED
from voxpress.store.cache.eviction import evict

SHARDS = [shard_pieces.make(seed, chunks=9, about=900) for seed in range(3)]
WHICH = st.sampled_from(SHARDS)
NUMBERS = st.sets(st.sampled_from([0, 1, 2, 3, 4, 6, 7, 8]), min_size=1)


class CacheMachine(RuleBasedStateMachine):
    """Processes are played by cached shards that were opened at some time and are used again later."""

    opened = Bundle("opened")

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="voxpress-cache-"))
        self.cache = Cache(self.folder / "cache", 10**9)
        # what the current file of each shard is sure to hold: a model of one that nobody disturbs
        self.expected = {shard.sha256: set() for shard in SHARDS}
        self.all = []

    def teardown(self):
        _OPENED.clear()
        shutil.rmtree(self.folder)

    @rule(target=opened, shard=WHICH)
    def open(self, shard):
        cached = shard.open(self.cache)
        assert set(have(shard, cached)) == self.expected[shard.sha256]
        self.all.append((shard, cached))
        return shard, cached

    @rule(which=opened, numbers=NUMBERS)
    def keep(self, which, numbers):
        shard, cached = which
        current = cached.touch()
        assert shard.keep(cached, sorted(numbers))
        assert numbers <= set(have(shard, cached))
        if current:
            self.expected[shard.sha256] |= numbers

    @rule(which=opened, numbers=NUMBERS)
    def forget(self, which, numbers):
        shard, cached = which
        current = cached.touch()
        cached.forget(sorted(numbers))
        assert not numbers & set(have(shard, cached))
        if current:
            self.expected[shard.sha256] -= numbers

    @rule(which=opened)
    def verify(self, which):
        shard, cached = which
        cached.keep_index(shard.index)
        assert cached.verify() == (set(have(shard, cached)) == set(shard.there))

    @rule(most=st.integers(0, 40_000))
    def evict(self, most):
        evict(self.cache.folder, most) if self.cache.folder.exists() else None
        for shard in SHARDS:
            if not self.path(shard).exists():
                self.expected[shard.sha256] = set()

    @rule()
    def reopen(self):
        _OPENED.clear()

    @rule()
    def delete(self):
        shutil.rmtree(self.cache.folder, ignore_errors=True)
        self.expected = {shard.sha256: set() for shard in SHARDS}

    @rule(shard=WHICH, share=st.floats(0, 1))
    def truncate(self, shard, share):
        path = self.path(shard)
        if path.exists():
            whole = path.stat().st_size
            os.truncate(path, int(share * whole))
            if int(share * whole) != whole:
                # who opens it now replaces it; who had it open may go on with what is left
                self.expected[shard.sha256] = set()

    @rule(shard=WHICH, junk=st.binary(max_size=40))
    def replace(self, shard, junk):
        path = self.path(shard)
        if path.exists():
            path.unlink()
            path.write_bytes(junk)
            self.expected[shard.sha256] = set()

    @invariant()
    def never_wrong(self):
        for shard, cached in self.all:
            assert shard.wrong(cached) == []

    def path(self, shard):
        return self.cache.folder / shard.sha256[:2] / f"{shard.sha256}.shard"


def have(shard, cached):
    return [number for number in shard.there if cached.have([number])[0]]


TestCacheMachine = CacheMachine.TestCase
TestCacheMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None, derandomize=True)
TestCacheMachine = pytest.mark.timeout(120)(TestCacheMachine)
