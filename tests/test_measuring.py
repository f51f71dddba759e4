"""What a measurement counts, what it concludes, and what it advises; never how fast this machine is."""

import dataclasses
import multiprocessing
import pickle

import pytest
import tiny_store as tiny
from range_server import RangeServer

import voxpress as vp
from voxpress.loaders.advice import Setting, advice, expected_amplification
from voxpress.loaders.bottleneck import Usage, verdict
from voxpress.loaders.decode_limit import decode_limit
from voxpress.loaders.measuring import measure
from voxpress.store.cache import cache_of
from voxpress.store.page_cache import share_in_memory
from voxpress.store.sources import LocalSource, Source
from voxpress.store.sources.counted import CountedSource
from voxpress.store.tally import Counts, Tally
from voxpress.store.timed import TimedStore, open_timed

SHARDS = 4
"""Of the train split three, of the validation split one; each as image and as label."""
SLAB = 2
"""Planes of a chunk; those that are all background are not stored."""
SAMPLE_BYTES = 16 * 20 * 18


def stored_slabs(index: int) -> int:
    """Of each array of a sample; image and label have the same background."""
    return int(tiny.voxels(index)["label"].reshape(-1, SLAB * 20 * 18).any(axis=1).sum())


# --- the tally


def test_a_tally_adds_up_over_processes() -> None:
    tally = Tally()
    tally.add(requests=2, bytes=10)
    before = tally.now()
    child = multiprocessing.get_context().Process(target=tally.add, kwargs={"requests": 1, "bytes": 5})
    child.start()
    child.join(30)
    assert tally.now() == Counts(requests=3, bytes=15)
    assert tally.now() - before == Counts(requests=1, bytes=5)


def test_a_counted_source_gives_the_same_bytes_and_counts_them(sealed_store) -> None:
    inner = LocalSource(sealed_store)
    source = CountedSource(inner)
    assert isinstance(source, Source)
    assert source == CountedSource(LocalSource(sealed_store))
    assert hash(source) == hash(CountedSource(LocalSource(sealed_store)))
    assert (source.url, source.remote) == (inner.url, inner.remote)
    whole = (sealed_store / "voxpress.json").read_bytes()
    assert source.read_all("voxpress.json", most=10**6) == whole
    out = bytearray(20)
    source.read_into("voxpress.json", 5, memoryview(out))
    assert out == whole[5:25]
    assert source.state("voxpress.json", len(whole)) == inner.state("voxpress.json", len(whole))
    found = source.tally.now()
    assert (found.files, found.file_bytes, found.requests, found.bytes) == (1, len(whole), 1, 20)
    assert found.fetch_s > 0


def test_a_timed_store_reads_as_any_other(sealed_store) -> None:
    cohort, plain, box = open_timed(sealed_store), vp.open(sealed_store), ((7, 11), (2, 7), (3, 9))
    assert isinstance(cohort.store, TimedStore)
    assert (cohort[3]["image"] == plain[3]["image"]).all()
    assert (cohort.read(3, "label", box) == plain.read(3, "label", box)).all()
    counts = cohort.store.tally.now()
    # two arrays of one sample whole, and a box in three slabs
    slabs = 2 * stored_slabs(3) + 3
    assert (counts.boxes, counts.chunks, counts.chunk_bytes) == (3, slabs, slabs * SLAB * 20 * 18)
    assert counts.wanted_bytes == 2 * stored_slabs(3) * SLAB * 20 * 18 + 4 * 5 * 6
    assert 0 < counts.decode_s < counts.unpack_s < counts.run_s


def test_a_tally_does_not_travel_but_to_a_child(sealed_store) -> None:
    with pytest.raises(RuntimeError, match=r"inheritance|spawning"):
        pickle.dumps(open_timed(sealed_store))


@pytest.mark.parametrize("empty", [False, True], ids=["no folder", "no store"])
def test_what_is_not_there_is_told_as_elsewhere(tmp_path, empty) -> None:
    path = tmp_path if empty else tmp_path / "nothing"
    with pytest.raises(vp.StoreNotFoundError, match="finished voxpress data set" if empty else "there is nothing at"):
        open_timed(path)


# --- what a measurement counts


def one_pass(cohort, **options):
    return measure(cohort, seconds=60, passes=1, dtype=None, **options)


def test_requests_and_bytes_are_those_that_the_server_sees(sealed_store) -> None:
    with RangeServer(sealed_store) as server:
        cohort = open_timed(server.url)
        _ = cohort.table
        server.reset()
        found = one_pass(cohort)
        counts = found.usage.counts
        # of two arrays an index of each shard, and six ranges: the first windows of batches are small
        assert counts.requests == server.requests == 2 * (SHARDS + 6)
        assert counts.bytes == server.bytes_sent
        assert found.read_items == found.items == tiny.SAMPLES
        assert found.requests_per_item == 20 / tiny.SAMPLES
        assert found.bytes_per_item == server.bytes_sent / tiny.SAMPLES
        assert [(each.items, each.requests) for each in found.passes] == [(tiny.SAMPLES, 20)]
        assert found.usage.remote


def test_later_passes_find_everything_in_the_cache(sealed_store, tmp_path) -> None:
    with RangeServer(sealed_store) as server:
        cohort = open_timed(server.url, cache=cache_of(tmp_path / "cache", "10MB"))
        found = measure(cohort, seconds=60, passes=3)
    assert [each.requests for each in found.passes] == [20, 0, 0]
    assert found.usage.seconds["cache"][0] > 0


@pytest.mark.parametrize("workers", [0, 2])
def test_volumes_are_decoded_once_wherever_that_is_done(sealed_store, workers) -> None:
    found = one_pass(open_timed(sealed_store), workers=workers, threads=1)
    counts = found.usage.counts
    assert found.items == tiny.SAMPLES
    assert counts.boxes == 2 * tiny.SAMPLES
    there = sum(stored_slabs(index) for index in range(13) if index != tiny.HOLE)
    assert counts.chunks == 2 * there
    assert counts.wanted_bytes == counts.chunk_bytes == 2 * there * SLAB * 20 * 18
    assert found.amplification == 1
    assert found.item_bytes == 2 * SAMPLE_BYTES
    assert (found.usage.threads, found.usage.workers) == (max(1, workers), workers)
    assert found.usage.batches == tiny.SAMPLES / 2
    assert found.rate > 0


def test_a_patch_decodes_more_than_it_holds(sealed_store) -> None:
    # all slabs, a quarter of each
    found = one_pass(open_timed(sealed_store), keys=("image",), patch=(16, 10, 9))
    assert found.amplification == 20 * 18 / (10 * 9)
    assert found.item_bytes == 16 * 10 * 9


class _Count:
    """A transform that remembers the seeds that it was given."""

    def __init__(self) -> None:
        self.seeds: list[int] = []

    def set_random_state(self, seed: int) -> None:
        self.seeds.append(seed)

    def __call__(self, item):
        return item | {"seed": self.seeds[-1]}


@pytest.mark.parametrize("transform", [_Count(), dict], ids=["random", "plain"])
def test_a_transform_is_timed(sealed_store, transform) -> None:
    found = one_pass(open_timed(sealed_store), transform=transform)
    assert found.items == tiny.SAMPLES
    assert found.usage.counts.transform_s > 0


def test_it_ends_in_time_and_goes_on_until_then(sealed_store) -> None:
    told: list[float] = []
    found = measure(open_timed(sealed_store), seconds=1, tell=told.append)
    assert len(found.passes) > 1
    assert all(each.items == tiny.SAMPLES for each in found.passes[:-1])
    assert told == sorted(told)
    assert told[-1] >= 1 > told[-2]
    assert found.usage.wall_s == told[-1]


def test_only_a_cohort_that_counts_and_has_rows_can_be_measured(sealed_store) -> None:
    with pytest.raises(TypeError, match="open_timed"):
        measure(vp.open(sealed_store), seconds=1)
    with pytest.raises(ValueError, match="no sample"):
        measure(open_timed(sealed_store).where("age > 200"), seconds=1)


@pytest.mark.parametrize("patch", [None, (4, 5, 6)])
def test_the_decode_limit_counts_nothing_and_is_a_rate(sealed_store, patch) -> None:
    cohort = open_timed(sealed_store)
    before = cohort.store.tally.now()
    assert decode_limit(cohort, keys=("image", "label"), patch=patch, seconds=0.05) > 0
    after = cohort.store.tally.now()
    assert (after.chunks, after.boxes) == (before.chunks, before.boxes)


def test_what_is_in_memory(sealed_store, tmp_path) -> None:
    files = [path for path in sealed_store.rglob("c.*") if path.read_bytes()]
    assert share_in_memory(files) in {1.0, None}
    assert share_in_memory([]) is None
    assert share_in_memory([tmp_path / "nothing"]) is None


# --- the verdict

IDLE = Usage(
    counts=Counts(),
    wall_s=10.0,
    cpu_s=0.0,
    consumer_cpu_s=0.0,
    threads=2,
    workers=0,
    cores=2,
    remote=False,
    cached=False,
    batches=1000,
    ahead=10,
)
REMOTE = {"remote": True, "threads": 16}
USAGES = {
    "network": ("network", {"fetch_s": 150, "fetch_cpu_s": 1}, {**REMOTE, "cpu_s": 4}),
    "disk": ("disk", {"fetch_s": 16, "fetch_cpu_s": 1}, {"cpu_s": 3}),
    "page cache": ("copying", {"fetch_s": 12, "fetch_cpu_s": 11}, {"cpu_s": 14}),
    "many small requests": ("requests", {"fetch_s": 140, "fetch_cpu_s": 10}, {**REMOTE, "cpu_s": 17}),
    "decoding, cores full": ("decoding", {"unpack_cpu_s": 16, "decode_cpu_s": 15}, {"cpu_s": 18}),
    "decoding, one thread of two cores": (
        "decoding",
        {"unpack_s": 9, "decode_s": 8.5, "unpack_cpu_s": 9, "decode_cpu_s": 8.5},
        {"cpu_s": 9.3, "threads": 1},
    ),
    "decoding, with requests waiting for cores": (
        "decoding",
        {"fetch_s": 90, "fetch_cpu_s": 1, "unpack_s": 60, "decode_s": 55, "unpack_cpu_s": 17, "decode_cpu_s": 16},
        {**REMOTE, "cpu_s": 19},
    ),
    "converting": ("converting", {"unpack_cpu_s": 16, "decode_cpu_s": 5}, {"cpu_s": 18}),
    "transform": ("transform", {"transform_s": 19, "transform_cpu_s": 9}, {"cpu_s": 9.6}),
    "transform in workers": ("transform", {"transform_s": 18, "transform_cpu_s": 17}, {"cpu_s": 18, "workers": 2}),
    "batching": ("batching", {"unpack_cpu_s": 2, "decode_cpu_s": 2}, {"cpu_s": 11}),
    "consumer": ("consumer", {"unpack_cpu_s": 2}, {"cpu_s": 14, "consumer_cpu_s": 9, "workers": 2}),
    "cache on a slow disk": ("disk", {"run_s": 140, "run_cpu_s": 1}, {**REMOTE, "cpu_s": 4, "cached": True}),
    "indexes are no part of the cache": (
        "network",
        {"run_s": 60, "fetch_s": 150, "index_s": 90},
        {**REMOTE, "cpu_s": 4, "cached": True},
    ),
    "short epoch": ("epoch", {"fetch_s": 10}, {**REMOTE, "cpu_s": 2, "batches": 15}),
    "nothing is full": ("threads", {"fetch_s": 10}, {**REMOTE, "cpu_s": 2}),
    "nothing at all": ("threads", {}, {}),
}


@pytest.mark.parametrize(("limit", "counts", "others"), USAGES.values(), ids=USAGES)
def test_the_verdict(limit, counts, others) -> None:
    said = verdict(dataclasses.replace(IDLE, counts=Counts(**counts), **others))
    assert said.limit == limit
    assert " %" in said.because


def test_what_is_in_no_phase_is_batching() -> None:
    counts = Counts(fetch_s=3, fetch_cpu_s=1, unpack_s=5, unpack_cpu_s=4, decode_s=2, decode_cpu_s=2)
    seconds = dataclasses.replace(IDLE, counts=counts, cpu_s=7).seconds
    assert seconds["converting"] == (3, 2)
    assert seconds["batching"] == (2, 2)
    assert sum(cpu for _, cpu in seconds.values()) == 7


# --- the advice

LOCAL = Setting(
    remote=False,
    cached=False,
    fast_codecs=False,
    patch=False,
    order="shuffled",
    converted=True,
    threads=2,
    cores=2,
    workers=0,
    requests=2,
    request_bytes=400_000,
    amplification=1,
    in_patch_chunks=1,
    slabs=True,
    of_limit=0.9,
)
FAR = {"remote": True, "threads": 16}
ADVICE = {
    "network": ("network", FAR, ["cache", "shuffled_shards", "threads=32"], ["recode"]),
    "network, cached": ("network", {**FAR, "cached": True}, ["shuffled_shards"], ["--cache"]),
    "network, large requests": ("network", {**FAR, "request_bytes": 8e6, "requests": 0.5}, ["cache"], ["threads="]),
    "network, shards": ("network", {**FAR, "order": "shuffled_shards"}, ["cache"], ["shuffled_shards"]),
    "requests": ("requests", FAR, ["shuffled_shards"], ["threads="]),
    "disk": ("disk", {"fast_codecs": True}, ["threads=4", "--codec zstd"], ["--cache"]),
    "decoding zstd": ("decoding", {}, ["--codec lz4", "90 % of what these cores"], ["threads="]),
    "decoding lz4": ("decoding", {"fast_codecs": True, "of_limit": 0.5}, ["only more cores"], ["recode"]),
    "decoding, one thread": ("decoding", {"threads": 1}, ["threads=2"], []),
    "patches of slabs": (
        "decoding",
        {"patch": True, "amplification": 4.6, "in_patch_chunks": 2.6},
        ["4.6 bytes are decoded", "--codec zstd-fast --chunk patch"],
        [],
    ),
    "patches of small chunks": (
        "decoding",
        {"patch": True, "amplification": 2.7, "in_patch_chunks": 2.6},
        ["make a copy", "--codec zstd-fast --chunk patch"],
        ["bytes are decoded"],
    ),
    "converting": ("converting", {}, ["dtype=None", "on the device"], ["slab"]),
    "volumes of small chunks": ("converting", {"converted": False, "slabs": False}, ["--chunk slab"], ["dtype=None"]),
    "transform": ("transform", {}, ["num_workers=2"], []),
    "batching": ("batching", {}, ["--batch-size", "num_workers=2"], ["leave out"]),
    "batching in workers": ("batching", {"workers": 2}, ["--workers 0"], ["num_workers=2"]),
    "consumer": ("consumer", {"workers": 2}, ["--workers 0"], []),
    "copying": ("copying", {}, ["more cores"], []),
    "epoch": ("epoch", FAR, ["larger data set", "cache"], ["threads="]),
    "threads": ("threads", FAR, ["threads=32", "prefetch_bytes"], []),
}


@pytest.mark.parametrize(("limit", "others", "there", "absent"), ADVICE.values(), ids=ADVICE)
def test_the_advice(limit, others, there, absent) -> None:
    said = advice(limit, dataclasses.replace(LOCAL, **others))
    assert said
    for text in there:
        assert any(text in line for line in said), (text, said)
    for text in absent:
        assert not any(text in line for line in said), (text, said)


def test_expected_amplification() -> None:
    assert expected_amplification((4, 5, 6), (1, 1, 1)) == 1
    # a run of 2 in steps of 2 touches one step or two, equally often
    assert expected_amplification((2, 1, 1), (2, 1, 1)) == 1.5
