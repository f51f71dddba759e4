"""A store in a folder: exact bytes, files that vanish or change, many threads, open files within a limit."""

import gc
import multiprocessing
import os
import pickle
import threading
from pathlib import Path

import numpy as np
import pytest
from source_reading import read, report

from voxpress.errors import CorruptError, UnsafePathError
from voxpress.store import write_atomic
from voxpress.store.sources import LocalSource, Source, local

DATA = np.random.default_rng(0).integers(0, 256, 100_000, dtype=np.uint8).tobytes()


@pytest.fixture
def source(tmp_path):
    (tmp_path / "c").mkdir()
    (tmp_path / "c/shard").write_bytes(DATA)
    return LocalSource(tmp_path)


def open_descriptors() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def open_files(root: Path) -> list[str]:
    """Files of a store that this process keeps open."""
    return [path for folder, path in local._FILES.get()._files if folder == str(root)]


@pytest.mark.parametrize(("start", "length"), [(0, 0), (0, 1), (17, 4096), (0, len(DATA)), (len(DATA) - 1, 1)])
def test_bytes_are_those_of_the_file(source, start, length):
    assert read(source, "c/shard", start, length) == DATA[start : start + length]


@pytest.mark.parametrize(("start", "length"), [(len(DATA), 1), (len(DATA) - 5, 6), (10**12, 1)])
def test_a_range_that_leaves_the_file_is_refused(source, start, length):
    with pytest.raises(CorruptError, match=f"c/shard has {len(DATA)} bytes, those from {start} to") as caught:
        read(source, "c/shard", start, length)
    assert (caught.value.kind, caught.value.path) == ("size", "c/shard")


def test_a_missing_file_is_told(source):
    for call in (
        lambda: read(source, "gone", 0, 1),
        lambda: source.state("gone", 1),
    ):
        with pytest.raises(CorruptError, match="gone is missing; mend the data set") as caught:
            call()
        assert caught.value.kind == "missing"


def test_a_size_that_is_not_the_manifests_is_told(source):
    source.state("c/shard", len(DATA))
    with pytest.raises(CorruptError, match=f"c/shard has {len(DATA)} bytes, the manifest says 7; mend") as caught:
        source.state("c/shard", 7)
    assert caught.value.kind == "size"


def test_a_pipe_is_no_file(source):
    os.mkfifo(source.root / "pipe")
    with pytest.raises(CorruptError, match="pipe is not a plain file"):
        read(source, "pipe", 0, 1)


@pytest.mark.parametrize("path", ["../c/shard", "/etc/passwd", "c//shard", "c\\shard", ""])
def test_a_path_out_of_the_store_is_refused(source, path):
    for call in (lambda: read(source, path, 0, 1), lambda: source.read_all(path, most=10)):
        with pytest.raises(UnsafePathError, match="do not trust"):
            call()


def test_a_link_out_of_the_store_is_refused(source, tmp_path_factory):
    secret = tmp_path_factory.mktemp("elsewhere") / "secret"
    secret.write_bytes(b"secret")
    (source.root / "link").symlink_to(secret)
    with pytest.raises(UnsafePathError, match="leads out of the store"):
        read(source, "link", 0, 1)


def test_a_file_is_opened_once(source):
    read(source, "c/shard", 0, 1)
    before = open_descriptors()
    for start in range(50):
        read(source, "c/shard", start, 10)
    assert open_descriptors() == before


def test_a_replaced_file_is_read_anew(source):
    read(source, "c/shard", 0, 10)
    before = source.state("c/shard", len(DATA))
    assert source.state("c/shard", len(DATA)) == before
    write_atomic(source.root / "c/shard", DATA[::-1], scratch=source.root / "scratch")
    assert source.state("c/shard", len(DATA)) != before
    assert read(source, "c/shard", 0, 12) == DATA[::-1][:12]


def test_a_deleted_file_is_missing(source):
    read(source, "c/shard", 0, 10)
    (source.root / "c/shard").unlink()
    with pytest.raises(CorruptError, match="missing"):
        source.state("c/shard", len(DATA))


def test_a_file_that_is_written_to_has_another_state(source):
    before = source.state("c/shard", len(DATA))
    with (source.root / "c/shard").open("ab") as file:
        file.write(b"more")
    assert source.state("c/shard", len(DATA) + 4) != before
    with pytest.raises(CorruptError, match="the manifest says"):
        source.state("c/shard", len(DATA))


def test_a_whole_file_has_a_limit(source):
    assert source.read_all("c/shard", most=len(DATA)) == DATA
    with pytest.raises(CorruptError, match=f"{len(DATA)} bytes, the limit is 10"):
        source.read_all("c/shard", most=10)


def test_open_files_stay_within_their_limit(source):
    """Many more files than are kept open, read by threads that evict each other's."""
    for number in range(200):
        (source.root / f"{number}").write_bytes(f"{number:06d}".encode())
    before, wrong = open_descriptors(), []

    def work(seed):
        numbers = np.random.default_rng(seed).integers(0, 200, 400)
        wrong.extend(n for n in numbers if read(source, str(n), 0, 6) != f"{n:06d}".encode())

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gc.collect()
    assert not wrong
    assert open_descriptors() <= before + 64


# newer Pythons warn of what is tested here
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_another_process_reads_with_files_of_its_own(source, method):
    """Threads are at work in the parent during the fork, so that a lock could be taken in the child for ever."""
    context, stop = multiprocessing.get_context(method), threading.Event()

    def work():
        while not stop.is_set():
            read(source, "c/shard", 0, 10)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        queue = context.Queue()
        child = context.Process(target=report, args=(source, "c/shard", len(DATA), queue))
        child.start()
        pid, said = queue.get(timeout=60)
        child.join(30)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert pid != os.getpid()
    assert len(set(said)) == 1
    assert len(said) == 4
    assert child.exitcode == 0


def test_a_source_is_a_value(source):
    assert pickle.loads(pickle.dumps(source)) == source
    assert len({source, LocalSource(source.root)}) == 1
    assert isinstance(source, Source)
    assert not source.remote
    assert source.url == str(source.root)


def test_a_relative_root_outlasts_a_change_of_folder(source, tmp_path_factory, monkeypatch):
    monkeypatch.chdir(source.root.parent)
    relative = LocalSource(Path(source.root.name))
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert read(relative, "c/shard", 0, 10) == DATA[:10]


def test_nothing_is_opened_before_the_first_read(source):
    copy = pickle.loads(pickle.dumps(LocalSource(source.root)))
    assert open_files(copy.root) == []
    read(copy, "c/shard", 0, 1)
    assert open_files(copy.root) == ["c/shard"]
