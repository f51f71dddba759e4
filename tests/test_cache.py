"""One process and its cache: what is kept is read back, limits hold, and what is not ours stays."""

from __future__ import annotations

import os
import pickle
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import shard_pieces
from hypothesis import given
from hypothesis import strategies as st

from voxpress.store.cache import Cache, cache_of, default_folder, parse_bytes
from voxpress.store.cache.eviction import Held, evict, plan_eviction
from voxpress.store.cache.folder import remove_file


@pytest.fixture
def cache(tmp_path):
    return cache_of(tmp_path / "cache", "1GB")


@pytest.fixture(scope="module")
def shard():
    return shard_pieces.make(1)


def file_of(cache, shard) -> Path:
    return cache.folder / shard.sha256[:2] / f"{shard.sha256}.shard"


def age(cache, shard, seconds):
    then = time.time() - seconds
    os.utime(file_of(cache, shard), (then, then))


@pytest.mark.parametrize(
    ("size", "expected"),
    [(1, 1), ("7", 7), ("20GB", 20 * 10**9), ("1.5 tb", 15 * 10**11), ("512MiB", 512 * 2**20), (" 3 kB ", 3000)],
    ids=str,
)
def test_sizes_are_read(size, expected):
    assert parse_bytes(size) == expected


@pytest.mark.parametrize("size", [0, -1, True, None, 1.5, "", "GB", "-3GB", "20 G B", "1e9", "5XB", "0.2"], ids=repr)
def test_what_is_not_a_size_is_refused(size):
    with pytest.raises(ValueError, match="must be a positive number of bytes"):
        parse_bytes(size)


def test_pieces_are_read_back_and_others_are_not_there(cache, shard):
    cached = shard.open(cache)
    assert not cached.have(np.arange(24)).any()
    assert cached.index() is None
    assert shard.keep(cached, [4, 6, 7, 2])
    assert np.flatnonzero(cached.have(np.arange(24))).tolist() == [2, 4, 6, 7]
    assert cached.have([7, 3, 7]).tolist() == [True, False, True]
    assert cached.have([]).tolist() == []
    assert [shard.read(cached, number) for number in (2, 4, 6, 7)] == [shard.piece(number) for number in (2, 4, 6, 7)]
    assert cached.keep_index(shard.index)
    assert cached.index() == shard.index


def test_a_range_over_several_pieces_is_read_at_once(cache, shard):
    cached = shard.open(cache)
    shard.keep(cached, [0, 1, 2])
    out = np.empty(sum(shard.sizes[:3]), np.uint8)
    assert cached.read_into(0, memoryview(out))
    assert out.tobytes() == shard.data[: len(out)]


def test_more_pieces_than_one_system_call_takes_are_kept(cache):
    shard = shard_pieces.make(2, chunks=1400, about=8)
    cached = shard.open(cache)
    assert shard.fill(cached)
    assert cached.have(shard.there).all()
    assert shard.wrong(cached) == []
    assert cached.verify()


def test_pieces_may_be_arrays_and_views(cache, shard):
    cached = shard.open(cache)
    array = np.frombuffer(shard.piece(1), np.uint8)
    assert cached.keep(np.array([0, 1]), np.array(shard.starts[:2]), [memoryview(shard.piece(0)), array])
    assert shard.wrong(cached) == []


@pytest.mark.parametrize(
    ("number", "start", "size"),
    [(24, 0, 1), (-1, 0, 1), (0, -1, 1), (0, 10**6, 1), (0, 0, 10**6)],
    ids=["no such chunk", "negative chunk", "before the shard", "behind the shard", "longer than the shard"],
)
def test_what_is_not_in_the_shard_is_not_kept(cache, shard, number, start, size):
    cached = shard.open(cache)
    with pytest.raises(IndexError):
        cached.keep([number], [start], [bytes(size)])
    assert not cached.have(np.arange(24)).any()


def test_numbers_that_are_not_in_the_shard_are_refused(cache, shard):
    cached = shard.open(cache)
    for ask in (cached.have, cached.forget):
        with pytest.raises(IndexError, match="a shard of 24 chunks has no chunks 0 to 24"):
            ask([0, 24])
    with pytest.raises(IndexError, match="the index of 24 chunks has 388 bytes, got 3"):
        cached.keep_index(b"abc")


@pytest.mark.parametrize(
    ("sha256", "size", "chunks"),
    [("../../etc/passwd", 9999, 1), ("A" * 64, 9999, 1), ("a" * 64, 9999, 0), ("a" * 64, 19, 1)],
    ids=["a path", "upper case", "no chunks", "no room for the index"],
)
def test_what_cannot_be_a_shard_is_refused(cache, sha256, size, chunks):
    with pytest.raises(ValueError, match="no shard has the sha256"):
        cache.open_shard(sha256, size, chunks)


def test_what_is_forgotten_is_fetched_again(cache, shard):
    cached = shard.open(cache)
    shard.fill(cached)
    cached.forget([3, 8])
    assert np.flatnonzero(~cached.have(shard.there)).tolist() == [3, 7]
    assert not shard.open(cache).have([3])[0]
    shard.keep(cached, [3, 8])
    assert cached.have(shard.there).all()
    cached.forget_index()
    assert cached.index() is None


def test_a_torn_index_is_not_there(cache, shard):
    cached = shard.open(cache)
    shard.fill(cached)
    flip(file_of(cache, shard), len(shard.data) - 30)
    assert cached.index() is None


def flip(path, place):
    with path.open("r+b") as file:
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ 0x40]))


class TestVerify:
    def test_a_whole_shard_has_its_sha256(self, cache, shard):
        cached = shard.open(cache)
        assert not cached.verify()
        shard.keep(cached, shard.there)
        assert not cached.verify()
        cached.keep_index(shard.index)
        assert cached.verify()

    def test_it_is_hashed_once(self, cache, shard):
        cached = shard.open(cache)
        shard.fill(cached)
        assert cached.verify()
        flip(file_of(cache, shard), 17)
        assert cached.verify(), "it was hashed again"
        cached.forget([1])
        assert not cached.verify()
        shard.keep(cached, [1])
        assert not cached.verify(), "it was not hashed again"
        shard.fill(cached)
        assert cached.verify()

    def test_one_with_bytes_that_are_no_piece_is_never_whole(self, cache, shard):
        gapped = replace(shard, data=shard.data[: -len(shard.index)] + b"gap" + shard.index)
        cached = gapped.open(cache)
        gapped.fill(cached)
        assert not cached.verify()
        assert cached.have(shard.there).all()

    def test_one_with_another_sha256_is_forgotten(self, cache, shard):
        cached = shard.open(cache)
        shard.fill(cached)
        flip(file_of(cache, shard), 17)
        assert not cached.verify()
        assert not cached.have(shard.there).any()
        assert cached.index() is None
        shard.fill(cached)
        assert cached.verify()


class TestTornFile:
    @pytest.mark.parametrize("left", [0, 1, 40_000, -60, -56, -40, -1], ids=lambda left: f"cut to {left}")
    def test_a_file_that_is_cut_off_is_never_wrong_and_heals(self, cache, shard, left):
        cached = shard.open(cache)
        shard.fill(cached)
        path = file_of(cache, shard)
        os.truncate(path, left if left >= 0 else path.stat().st_size + left)
        assert shard.wrong(cached) == []
        shard.keep(cached, [3])
        assert shard.wrong(cached) == []
        healed = shard.open(cache)
        assert healed is not cached
        assert shard.wrong(healed) == []
        assert shard.fill(healed)
        assert healed.have(shard.there).all()
        assert healed.verify()

    @pytest.mark.parametrize("size", ["longer", "the same"])
    def test_a_foreign_file_is_replaced(self, cache, shard, size):
        shard.fill(shard.open(cache))
        path = file_of(cache, shard)
        path.write_bytes(os.urandom(path.stat().st_size + (size == "longer")))
        fresh = Cache(cache.folder, 10**8)
        assert not shard.open(fresh).have(shard.there).any()
        assert shard.fill(shard.open(fresh))
        assert shard.open(fresh).verify()

    def test_one_that_grew_is_replaced(self, cache, shard):
        shard.fill(shard.open(cache))
        with file_of(cache, shard).open("ab") as file:
            file.write(b"more")
        assert not shard.open(cache).have(shard.there).any()
        assert shard.open(cache) is shard.open(cache)

    def test_only_the_file_that_is_meant_is_removed(self, cache, shard):
        shard.fill(shard.open(cache))
        inode = file_of(cache, shard).stat().st_ino
        remove_file(cache.folder, shard.sha256, inode=inode + 1)
        assert file_of(cache, shard).exists()
        remove_file(cache.folder, shard.sha256, inode=inode)
        assert not file_of(cache, shard).exists()

    def test_a_mark_that_could_not_be_taken_away_is_no_mark_until_the_piece_is_kept_again(self, cache, shard):
        cached = shard.open(cache)
        shard.fill(cached)
        cached._torn.add(3)
        assert not cached.have([3])[0]
        shard.keep(cached, [3])
        assert cached.have([3])[0]

    def test_one_of_another_shard_is_replaced(self, cache, shard):
        other = shard_pieces.make(2)
        cached = cache.open_shard(other.sha256, len(shard.data), 24)
        cached.keep([0], [0], [b"other"])
        path = file_of(cache, shard)
        path.parent.mkdir(exist_ok=True)
        file_of(cache, other).rename(path)
        assert not shard.open(cache).have([0])[0]

    def test_what_cannot_be_read_is_zeros(self, cache, shard):
        cached = shard.open(cache)
        shard.fill(cached)
        os.truncate(file_of(cache, shard), 10)
        out = bytearray(b"?" * 20)
        assert not cached.read_into(0, memoryview(out))
        assert bytes(out) == shard.data[:10] + bytes(10)

    def test_a_flipped_bit_is_found_by_who_checks_and_heals(self, cache, shard):
        cached = shard.open(cache)
        shard.fill(cached)
        flip(file_of(cache, shard), shard.starts[4])
        assert shard.wrong(cached) == [4]
        cached.forget([4])
        assert shard.wrong(cached) == []
        shard.keep(cached, [4])
        assert cached.verify()


class TestFolder:
    @pytest.mark.parametrize("name", ["thesis.tex", ".hidden", "a/b"])
    def test_a_foreign_folder_is_refused_and_not_touched(self, tmp_path, name):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("mine")
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(ValueError, match=r"holds files that are not of a voxpress cache.*give a new or an empty"):
            cache_of(tmp_path, "1GB")
        with pytest.raises(ValueError, match="holds files that are not"):
            shard_pieces.make(1).open(Cache(tmp_path, 10**9))
        assert sorted(tmp_path.rglob("*")) == before

    def test_the_cache_of_another_program_is_refused(self, tmp_path):
        (tmp_path / "CACHEDIR.TAG").write_text("Signature: 8a477f597d28d172789f06886806bc55\n# pip\n")
        with pytest.raises(ValueError, match="cache of another program"):
            cache_of(tmp_path, "1GB")

    def test_a_file_is_refused(self, tmp_path):
        (tmp_path / "file").write_text("mine")
        with pytest.raises(ValueError, match="is a file, not a folder"):
            cache_of(tmp_path / "file", "1GB")

    @pytest.mark.parametrize("written", [0, 1, 50])
    def test_one_whose_maker_was_killed_is_taken_up(self, tmp_path, written):
        text = (cache_of(tmp_path / "sound", "1GB").folder / "CACHEDIR.TAG").read_bytes()
        (tmp_path / "torn").mkdir()
        (tmp_path / "torn" / "CACHEDIR.TAG").write_bytes(text[:written])
        cache_of(tmp_path / "torn", "1GB")
        assert (tmp_path / "torn" / "CACHEDIR.TAG").read_bytes() == text

    def test_one_that_is_deleted_meanwhile_is_made_again(self, cache, shard):
        import shutil

        shard.fill(shard.open(cache))
        shutil.rmtree(cache.folder)
        assert not shard.open(cache).have(shard.there).any()
        assert shard.fill(shard.open(cache))
        assert cache_of(cache.folder, "1GB").status().shards == 1

    def test_the_default_is_the_users_cache(self, monkeypatch, tmp_path):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        assert cache_of(None, 10**6).folder == default_folder() == tmp_path / "voxpress" / "shards"
        monkeypatch.setenv("XDG_CACHE_HOME", "relative")
        assert default_folder() == Path.home() / ".cache" / "voxpress" / "shards"

    @pytest.mark.parametrize("kind", ["link to a file", "link to a folder", "pipe", "folder"])
    def test_what_stands_in_the_place_of_a_file_is_left_alone(self, cache, shard, tmp_path, kind):
        outside = tmp_path / "outside"
        outside.mkdir()
        (outside / f"{shard.sha256}.shard").touch()
        path = file_of(cache, shard)
        if kind == "link to a folder":
            path.parent.symlink_to(outside)
        else:
            path.parent.mkdir()
        if kind == "link to a file":
            path.symlink_to(outside / path.name)
        elif kind == "pipe":
            os.mkfifo(path)
        elif kind == "folder":
            path.mkdir()
        with pytest.warns(RuntimeWarning, match="reading goes on without"):
            assert not shard.fill(shard.open(cache))
        assert cache.status().shards == 0
        evict(cache.folder, 0)
        assert path.exists()
        assert (outside / path.name).read_bytes() == b""


class TestLimit:
    def test_a_limit_below_a_shard_is_refused_with_both_numbers(self, tmp_path):
        with pytest.raises(ValueError, match=r"limit of the cache is 1000 bytes.* largest shard has 1001"):
            cache_of(tmp_path, 1000).check_limit(1001)
        cache_of(tmp_path, 1000).check_limit(1000)

    def test_one_process_stays_within_it(self, tmp_path):
        cache = cache_of(tmp_path, 4_000_000)
        for seed in range(24):
            shard = shard_pieces.make(seed, about=20_000)
            for number in shard.there:
                assert shard.keep(shard.open(cache), [number])
                if seed > 10:
                    assert cache.status().bytes <= cache.limit_bytes
        assert cache.status().shards >= 10

    def test_what_was_used_the_longest_ago_goes_first(self, tmp_path):
        cache = cache_of(tmp_path, "1GB")
        shards = [shard_pieces.make(seed) for seed in range(6)]
        for hours, shard in enumerate(shards):
            shard.fill(shard.open(cache))
            age(cache, shard, 3600 * (hours + 1))
        shards[5].open(cache)
        each = cache.status().bytes // 6
        assert evict(cache.folder, 3 * each + 20_000)
        fresh = Cache(cache.folder, 10**8)
        assert [shard.open(fresh).have(shard.there).all() for shard in shards] == [1, 1, 0, 0, 0, 1]

    def test_the_limit_is_found_out_about_at_the_first_write(self, tmp_path, shard):
        large = cache_of(tmp_path, "1GB")
        for seed in range(10, 20):
            shard_pieces.make(seed).fill(shard_pieces.make(seed).open(large))
        small = cache_of(tmp_path, 300_000)
        shard.keep(shard.open(small), [0])
        assert small.status().bytes <= 300_000

    def test_the_folder_is_looked_at_once_a_fiftieth(self, tmp_path, shard, monkeypatch):
        looked = []
        monkeypatch.setattr("voxpress.store.cache.cache.evict", lambda *_, **__: looked.append(1) or True)
        cached = shard.open(cache_of(tmp_path, 50 * 100_000))
        for byte in range(100_000 // 4096):
            cached.keep([0], [byte], [b"x"])
        # one byte takes up to four blocks: two of its own, two of its mark
        assert len(looked) == 1 + 3

    def test_who_reads_goes_on_reading_what_is_evicted(self, cache, shard):
        cached = shard.open(cache)
        shard.fill(cached)
        newer = shard_pieces.make(2)
        newer.fill(newer.open(cache))
        age(cache, shard, 3600)
        evict(cache.folder, 0)
        assert not file_of(cache, shard).exists()
        assert cached.have(shard.there).all()
        assert shard.wrong(cached) == []
        assert not shard.open(cache).have(shard.there).any()

    def test_only_shards_are_counted_and_evicted(self, cache, shard):
        shard.fill(shard.open(cache))
        newer = shard_pieces.make(2)
        newer.fill(newer.open(cache))
        age(cache, shard, 3600)
        strangers = [
            cache.folder / "notes.txt",
            file_of(cache, shard).with_suffix(".txt"),
            file_of(cache, shard).with_name(f"{shard.sha256[:9]}.shard"),
            cache.folder / "zz" / f"{shard.sha256}.shard",
            cache.folder / ("00" if shard.sha256[:2] != "00" else "01") / f"{shard.sha256}.shard",
        ]
        for stranger in strangers:
            stranger.parent.mkdir(exist_ok=True)
            stranger.write_bytes(b"mine")
        assert cache.status().shards == 2
        evict(cache.folder, 0)
        assert cache.status().shards == 1
        assert all(stranger.read_bytes() == b"mine" for stranger in strangers)

    def test_only_what_is_written_counts(self, cache):
        shard = shard_pieces.make(3, chunks=64, about=100_000)
        shard.keep(shard.open(cache), [40])
        status = cache.status()
        assert (status.shards, status.limit_bytes) == (1, 10**9)
        assert shard.sizes[40] <= status.bytes <= shard.sizes[40] + 6 * 4096


@given(
    sizes=st.lists(st.tuples(st.integers(0, 50), st.integers(0, 5)), max_size=12),
    most=st.integers(0, 300),
)
def test_no_more_is_evicted_than_needed_and_the_oldest_first(sizes, most):
    held = [Held(sha256=f"{n:064x}", bytes=size, used_ns=used, inode=n) for n, (size, used) in enumerate(sizes)]
    going = plan_eviction(held, most)
    left = [shard for shard in held if shard not in going]
    assert sum(shard.bytes for shard in left) <= most or len(left) <= 1
    assert bool(left) == bool(held)
    if going:
        assert sum(shard.bytes for shard in left) + going[-1].bytes > most
        assert max(shard.used_ns for shard in going) <= min(shard.used_ns for shard in left)


def test_handles_are_few_and_survive_who_still_reads(cache):
    shards = [shard_pieces.make(seed, chunks=2, about=200) for seed in range(200)]
    first = shards[0].open(cache)
    shards[0].fill(first)
    used = shards[7].open(cache)
    for shard in shards:
        shard.fill(shard.open(cache))
        assert shards[7].open(cache) is shards[7].open(cache)
    assert shards[7].open(cache) is used
    links = [str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.exists()]
    assert sum(str(cache.folder) in link for link in links) <= 130
    assert shards[0].wrong(first) == []
    assert first.have(shards[0].there).all()


def test_threads_may_share_it(tmp_path):
    cache = cache_of(tmp_path, 400_000)
    shards = [shard_pieces.make(seed) for seed in range(8)]
    wrong = []

    def work(order):
        random = np.random.default_rng(order)
        for _ in range(150):
            shard = shards[random.integers(8)]
            cached = shard.open(cache)
            if not cached.have(shard.there).all():
                shard.keep(cached, random.permutation(shard.there)[:9].tolist())
            wrong.extend(shard.wrong(cached))

    threads = [threading.Thread(target=work, args=(order,)) for order in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert cache.status().bytes <= cache.limit_bytes + 4 * 10 * 8192


def test_it_pickles_and_is_a_value(cache, shard):
    shard.fill(shard.open(cache))
    again = pickle.loads(pickle.dumps(cache))
    assert again == cache
    assert hash(again) == hash(cache)
    assert shard.open(again).have(shard.there).all()


def test_an_open_shard_costs_microseconds_to_ask_for_again(cache, shard):
    """Usually about 20 µs for all three; the bound allows for a busy machine."""
    shard.fill(shard.open(cache))
    numbers = np.arange(24)
    out = memoryview(bytearray(1000))
    start = time.perf_counter()
    for _ in range(500):
        cached = shard.open(cache)
        cached.have(numbers)
        cached.read_into(0, out)
    assert (time.perf_counter() - start) / 500 < 1e-3
