"""Streams from a real web server, sound and hostile, with and without a cache."""

import multiprocessing
import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
import tiny_store as tiny
from range_server import Faults, RangeServer
from torch.utils.data import DataLoader

import voxpress as vp
from voxpress import CorruptError, RemoteError, StallError, store
from voxpress.loaders import VolumeStream, order, pipeline
from voxpress.store.cache import cache_of
from voxpress.store.opening import open_source
from voxpress.store.sources import Limits
from voxpress.store.sources.http import HttpSource

QUICK = Limits(timeout_s=0.25, deadline_s=20, first_delay_s=0.01, longest_delay_s=0.05, connect_s=2)
SHARD = "volumes/train.zarr/image/c.1.0.0.0"


@pytest.fixture
def server(sealed_store):
    with RangeServer(sealed_store) as running:
        yield running


def opened(server, cache=None, limits=QUICK):
    return open_source(HttpSource(server.url, limits=limits), cache=cache)


def check_epoch(stream):
    """Every sample once, every voxel right."""
    found = []
    for batch in stream:
        for index, image, label in zip(batch["index"].tolist(), batch["image"], batch["label"], strict=True):
            whole = tiny.voxels(index)
            np.testing.assert_array_equal(image[0].numpy(), whole["image"])
            np.testing.assert_array_equal(label[0].numpy(), whole["label"])
            found.append(index)
    assert sorted(found) == [index for index in range(13) if index != tiny.HOLE]


def test_a_url_is_opened_like_a_folder(server, sealed_store):
    cohort, local = vp.open(server.url), vp.open(sealed_store)
    assert cohort.table.equals(local.table)
    women = cohort.where("sex == 'F'")
    np.testing.assert_array_equal(women[1]["image"], local.where("sex == 'F'")[1]["image"])
    assert cohort.url == server.url
    with pytest.raises(vp.StoreNotFoundError, match="not a folder on this machine"):
        _ = cohort.path


def test_opening_takes_one_request_and_the_table_one_a_file(server):
    cohort = opened(server)
    assert server.requests == 1
    _ = cohort.table
    assert server.requests == 3
    VolumeStream(cohort, batch_size=2)
    assert server.requests == 3


def test_there_is_no_store(tmp_path):
    with RangeServer(tmp_path) as server, pytest.raises(vp.StoreNotFoundError, match=r"no voxpress\.json at http"):
        vp.open(server.url)


@pytest.mark.parametrize("workers", [0, 2])
def test_an_epoch_is_complete_and_exact(server, workers):
    stream = VolumeStream(opened(server), batch_size=3, shuffle=True, dtype=None)
    check_epoch(stream if not workers else DataLoader(stream, batch_size=None, num_workers=workers))


def test_neighbours_share_requests(server):
    cohort = opened(server)
    _ = cohort.table
    server.reset()
    check_epoch(VolumeStream(cohort, batch_size=2, dtype=None))
    # for two arrays four indexes and six ranges: batches are planned in windows of 1, 2 and 3, which cross two shards
    assert server.requests == 20


def test_the_first_batch_has_the_server_to_itself(server, monkeypatch):
    monkeypatch.setattr(pipeline, "_HEAD_START_S", 30.0)
    cohort = opened(server)
    _ = cohort.table
    server.reset()
    asked = []
    check_epoch(
        VolumeStream(cohort, batch_size=2, dtype=None, transform=lambda item: asked.append(len(server.log)) or item)
    )
    # for each array one index and one range
    assert asked[:2] == [4, 4]


@pytest.mark.timeout(30)
def test_a_first_batch_that_comes_late_holds_up_no_other(sealed_store):
    first, others = threading.Event(), threading.Event()

    def answer(method, path, headers):
        if "image/c.0" in path and not first.is_set():
            first.set()
            others.wait(50)
        elif "image/c." in path:
            others.set()

    with RangeServer(sealed_store, answer=answer) as server:
        check_epoch(VolumeStream(opened(server, limits=Limits()), batch_size=1, dtype=None))


def test_a_patch_fetches_its_chunks_only(server, sealed_store):
    cohort = opened(server)
    _ = cohort.table
    server.reset()
    list(VolumeStream(cohort.select([0]), keys=("image",), patch=(2, 20, 18), batch_size=1))
    assert server.requests == 2, "an index and one range"
    size = (sealed_store / "volumes/train.zarr/image/c.0.0.0.0").stat().st_size
    assert server.bytes_sent < size / 4


@pytest.mark.timeout(200)
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("cached", [False, True], ids=["no cache", "cache"])
def test_an_epoch_through_thirty_percent_of_faults_is_exact(sealed_store, tmp_path, seed, cached):
    cache = cache_of(tmp_path / "cache", "10MB") if cached else None
    with RangeServer(sealed_store, faults=Faults.mixed(0.3, seed=seed, stall_s=5)) as server:
        check_epoch(VolumeStream(opened(server, cache), batch_size=2, shuffle=True, seed=seed, dtype=None))
        assert any(request.fault for request in server.log)


@pytest.mark.parametrize("cached", [False, True], ids=["no cache", "cache"])
def test_bytes_that_are_damaged_on_the_way_are_fetched_again(sealed_store, tmp_path, cached):
    cache = cache_of(tmp_path / "cache", "10MB") if cached else None
    with RangeServer(sealed_store) as server:
        cohort = opened(server, cache)
        server.faults = Faults(corrupt=1.0, first=2, only="volumes/")
        check_epoch(VolumeStream(cohort, batch_size=2, dtype=None))
        assert {request.path for request in server.log if request.fault} >= {SHARD, SHARD.replace("image", "label")}


def test_a_file_that_is_wrong_for_good_is_an_error_that_names_samples(tiny_store):
    data = bytearray((tiny_store / SHARD).read_bytes())
    data[3000] ^= 255
    (tiny_store / SHARD).write_bytes(data)
    with RangeServer(tiny_store) as server, pytest.raises(CorruptError) as caught:
        list(VolumeStream(opened(server), batch_size=2))
    assert caught.value.path == SHARD
    assert "tiny-000004" in caught.value.samples
    assert server.url in str(caught.value)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("fault", ["stall", "trickle", "error_500", "reset"])
def test_a_server_that_never_recovers_is_an_error_in_time(sealed_store, fault):
    limits = Limits(timeout_s=0.2, deadline_s=1, first_delay_s=0.01, longest_delay_s=0.05)
    with RangeServer(sealed_store) as server:
        cohort = opened(server, limits=limits)
        _ = cohort.table
        server.faults = Faults(**{fault: 1.0}, stall_s=20, trickle_s=0.1)
        with pytest.raises((RemoteError, StallError), match=r"volumes/"):
            list(VolumeStream(cohort, batch_size=2))


@pytest.mark.timeout(60)
def test_a_stream_that_waits_too_long_says_for_what(sealed_store):
    with RangeServer(sealed_store) as server:
        cohort = opened(server, limits=Limits(timeout_s=5, deadline_s=6))
        _ = cohort.table
        server.faults = Faults(stall=1.0, stall_s=10)
        with pytest.raises(StallError, match=r"looking up volumes/train\.zarr/\w+/c"):
            next(iter(VolumeStream(cohort, batch_size=2, timeout_s=0.3)))


# --- the cache


def test_the_second_epoch_makes_no_request(server, tmp_path):
    cohort = opened(server, cache_of(tmp_path / "cache", "10MB"))
    stream = VolumeStream(cohort, batch_size=2, shuffle=True, dtype=None)
    check_epoch(stream)
    server.reset()
    stream.set_epoch(1)
    check_epoch(stream)
    assert server.requests == 0


def test_another_job_finds_what_the_first_has_fetched(server, tmp_path):
    check_epoch(VolumeStream(opened(server, cache_of(tmp_path / "cache", "10MB")), batch_size=2, dtype=None))
    server.reset()
    cohort = opened(server, cache_of(tmp_path / "cache", "10MB"))
    check_epoch(VolumeStream(cohort, batch_size=2, dtype=None))
    assert not [request for request in server.log if "volumes/" in request.path]


def test_patches_use_what_volumes_have_fetched(server, tmp_path):
    cohort = opened(server, cache_of(tmp_path / "cache", "10MB"))
    check_epoch(VolumeStream(cohort, batch_size=2, dtype=None))
    server.reset()
    list(VolumeStream(cohort, batch_size=2, patch=(5, 5, 5)))
    assert server.requests == 0


@pytest.mark.parametrize("damage", ["flipped", "cut", "emptied", "removed"])
def test_a_torn_cache_file_is_fetched_again(server, tmp_path, damage):
    folder = tmp_path / "cache"
    cohort = opened(server, cache_of(folder, "10MB"))
    check_epoch(VolumeStream(cohort, batch_size=2, dtype=None))
    for path in folder.rglob("*.shard"):
        data = bytearray(path.read_bytes())
        data[100] ^= 255
        if damage == "removed":
            path.unlink()
        else:
            path.write_bytes({"flipped": data, "cut": data[: len(data) // 2], "emptied": b""}[damage])
    again = opened(server, cache_of(folder, "10MB"))
    server.reset()
    check_epoch(VolumeStream(again, batch_size=2, dtype=None))
    assert server.requests > 0
    server.reset()
    check_epoch(VolumeStream(again, batch_size=2, dtype=None))
    assert server.requests == 0, "it was kept again"


def test_a_limit_below_one_shard_is_refused_with_both_numbers(server, sealed_store, tmp_path):
    largest = max(path.stat().st_size for path in sealed_store.rglob("c.*"))
    with pytest.raises(ValueError, match=f"1000 bytes, but the largest shard has {largest}"):
        opened(server, cache_of(tmp_path / "cache", 1000))


def test_a_small_cache_still_gives_the_right_voxels(server, sealed_store, tmp_path):
    largest = max(path.stat().st_size for path in sealed_store.rglob("c.*"))
    cohort = opened(server, cache_of(tmp_path / "cache", largest + 8192))
    stream = VolumeStream(cohort, batch_size=2, shuffle=True, dtype=None)
    for epoch in range(2):
        stream.set_epoch(epoch)
        check_epoch(stream)


def test_whole_shards_are_fetched_ahead_of_their_window(server, tmp_path):
    cohort = opened(server, cache_of(tmp_path / "cache", "10MB"))
    _ = cohort.table
    server.reset()
    taken = order.shuffled_shards(cohort, window_shards=1)
    check_epoch(VolumeStream(cohort, batch_size=1, order=taken, dtype=None, prefetch_bytes=1))
    # at most twice each of the eight shard files, in which single samples would be four times as many
    assert server.requests <= 8 * (1 + 4)
    server.reset()
    check_epoch(VolumeStream(cohort, batch_size=1, order=taken, dtype=None, prefetch_bytes=1))
    assert server.requests == 0


def _an_epoch(url, folder, start):
    cohort = open_source(HttpSource(url, limits=QUICK), cache=cache_of(folder, "10MB"))
    start.wait(30)
    check_epoch(VolumeStream(cohort, batch_size=2, shuffle=True, seed=os.getpid(), dtype=None))
    return True


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_two_jobs_on_one_cache(server, tmp_path):
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager, ProcessPoolExecutor(2, mp_context=context) as jobs:
        start = manager.Event()
        running = [jobs.submit(_an_epoch, server.url, tmp_path / "cache", start) for _ in range(2)]
        start.set()
        assert [job.result(60) for job in running] == [True, True]


def test_a_cache_that_cannot_be_written_is_left_out(server, tmp_path, monkeypatch):
    cohort = opened(server, cache_of(tmp_path / "cache", "10MB"))

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwritev", full)
    monkeypatch.setattr(os, "pwrite", full)
    monkeypatch.setattr(os, "ftruncate", full)
    with pytest.warns(RuntimeWarning, match="No space left"):
        check_epoch(VolumeStream(cohort, batch_size=2, dtype=None))


# --- workers


class _KillsItsWorker:
    def __call__(self, item):
        if item["index"] == 7:
            os.kill(os.getpid(), signal.SIGKILL)
        return item


# sockets of torch's that the killed worker leaves open
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.timeout(60)
def test_a_worker_that_is_killed_is_an_error(sealed_store):
    stream = VolumeStream(store.open(sealed_store), batch_size=2, transform=_KillsItsWorker())
    with pytest.raises(RuntimeError, match=r"DataLoader worker .* (killed by signal|exited unexpectedly)"):
        list(DataLoader(stream, batch_size=None, num_workers=2))
