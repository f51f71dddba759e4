"""Several processes and one cache: at once, forked, spawned, killed, and on a disk that is full or read-only."""

from __future__ import annotations

import multiprocessing
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import shard_pieces
from mounts import ALONE, may_mount

from voxpress.store.cache import cache_of
from voxpress.store.cache.eviction import evict

HERE = Path(__file__).parent


def program(name, folder, *before):
    line = [*before, sys.executable, "-m", "shard_pieces", name, str(folder)]
    return subprocess.run(line, cwd=HERE, capture_output=True, text=True, check=False)


def run_all(jobs, start):
    context = multiprocessing.get_context(start)
    answers = context.Queue()
    processes = [context.Process(target=target, args=(*arguments, answers)) for target, *arguments in jobs]
    for process in processes:
        process.start()
    said = [answers.get(timeout=120) for _ in processes]
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    return said


@pytest.mark.parametrize("start", ["fork", "spawn"])
@pytest.mark.parametrize("limit", [10**9, 250_000], ids=["roomy", "tight"])
def test_processes_fill_one_cache_at_once(tmp_path, start, limit):
    cache = cache_of(tmp_path, limit)
    seeds = list(range(5))
    assert run_all([(shard_pieces.fill_in_turn, cache, seeds, order) for order in range(3)], start) == [0, 0, 0]
    shards = [shard_pieces.make(seed) for seed in seeds]
    assert not any(shard.wrong(shard.open(cache)) for shard in shards)
    if limit == 10**9:
        assert all(shard.open(cache).have(shard.there).all() for shard in shards)
    else:
        assert cache.status().bytes <= limit + 2 * limit // 50 + 3 * 3 * 4096


@pytest.mark.parametrize("start", ["fork", "spawn", "forkserver"])
def test_another_process_reads_what_this_one_kept(tmp_path, start):
    cache = cache_of(tmp_path, "1GB")
    shard = shard_pieces.make(1)
    shard.fill(shard.open(cache))
    assert run_all([(shard_pieces.read_back, cache, 1)], start) == [(len(shard.there), [])]


def test_what_another_process_keeps_is_seen_at_once(tmp_path):
    cache = cache_of(tmp_path, "1GB")
    shard = shard_pieces.make(1)
    cached = shard.open(cache)
    context = multiprocessing.get_context("fork")
    process = context.Process(target=shard.fill, args=(cached,))
    process.start()
    process.join(60)
    assert cached.have(shard.there).all()
    assert cached.index() == shard.index


def test_a_fork_while_a_thread_holds_the_locks_does_not_hang(tmp_path):
    from voxpress.store.cache.cache import _opened

    cache = cache_of(tmp_path, 200_000)
    shard = shard_pieces.make(1)
    shard.fill(shard.open(cache))
    opened = _opened(cache)
    with opened._lock, opened._evicting:
        assert run_all([(shard_pieces.fill_in_turn, cache, [1, 2], 0)], "fork") == [0]


def test_a_fork_during_an_eviction_does_not_keep_others_from_it(tmp_path):
    """A child that inherits the lock would hold it as long as it lives."""
    from voxpress.store.cache.eviction import _lock

    folder = cache_of(tmp_path, "1GB").folder
    context = multiprocessing.get_context("fork")
    done = context.Event()
    with _lock(folder) as ours:
        assert ours
        child = context.Process(target=done.wait, args=(60,))
        child.start()
    try:
        answers = context.Queue()
        other = context.Process(target=lambda: answers.put(evict(folder, 0)))
        other.start()
        assert answers.get(timeout=60)
        other.join(60)
    finally:
        done.set()
        child.join(60)


def test_two_do_not_evict_at_once(tmp_path):
    from voxpress.store.cache.eviction import _lock

    cache = cache_of(tmp_path, "1GB")
    for seed in range(3):
        shard_pieces.make(seed).fill(shard_pieces.make(seed).open(cache))
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    with _lock(cache.folder):
        other = context.Process(target=lambda: answers.put(evict(cache.folder, 0)))
        other.start()
        assert not answers.get(timeout=60)
        other.join(60)
        assert cache.status().shards == 3
    assert evict(cache.folder, 0)
    assert cache.status().shards == 1


def test_an_eviction_that_does_not_end_lets_nobody_exceed_the_limit_by_more_than_a_step(tmp_path):
    """Its process may be stopped, or only be one of many on a busy machine."""
    from voxpress.store.cache.eviction import _lock

    cache = cache_of(tmp_path, 250_000)
    with _lock(cache.folder):
        assert run_all([(shard_pieces.fill_in_turn, cache, list(range(5)), 0)], "fork") == [0]
    assert cache.status().bytes <= cache.limit_bytes + cache.limit_bytes // 50 + 3 * 4096


def test_a_writer_that_is_killed_leaves_a_piece_that_is_not_there(tmp_path):
    folder = tmp_path / "cache"
    died = program("die_between_bytes_and_mark", folder)
    assert died.returncode == -signal.SIGKILL, died.stderr
    shard = shard_pieces.make(1)
    cached = shard.open(cache_of(folder, "1GB"))
    assert shard.read(cached, 2) == shard.piece(2), "it was killed too early"
    assert cached.have([0, 1, 2]).tolist() == [True, True, False]
    shard.fill(cached)
    assert cached.verify()


@pytest.mark.skipif(not may_mount(), reason="needs to mount a small disk of its own")
def test_a_full_or_read_only_disk_only_means_that_less_is_kept(tmp_path):
    done = program("use_full_disk", tmp_path, *ALONE)
    assert (done.returncode, done.stdout) == (0, "survived\n"), done.stderr


def test_files_that_may_not_grow_only_mean_that_less_is_kept(tmp_path):
    done = program("use_small_files", tmp_path / "cache")
    assert (done.returncode, done.stdout) == (0, "survived\n"), done.stderr
