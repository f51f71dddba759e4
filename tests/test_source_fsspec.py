"""Any file system of fsspec: a real one in memory, and one over real HTTP that fails as it is told."""

import multiprocessing
import pickle
import threading
import traceback

import fsspec
import pytest
from fsspec.implementations.http import HTTPFileSystem
from fsspec.implementations.memory import MemoryFileSystem
from range_server import Faults, RangeServer
from source_reading import DATA, read, report

from voxpress.errors import CorruptError, RemoteError, UnsafePathError
from voxpress.store.sources import Limits, Source
from voxpress.store.sources.filesystems import FsspecSource

QUICK = Limits(deadline_s=5, first_delay_s=0.002, longest_delay_s=0.02)
IMPATIENT = Limits(deadline_s=0.3, first_delay_s=0.01, longest_delay_s=0.05)


class Web(HTTPFileSystem):
    """fsspec's own HTTP under a scheme that this package leaves to fsspec."""

    protocol = "web"

    @classmethod
    def _strip_protocol(cls, path):
        return path.replace("web://", "http://", 1)


@pytest.fixture
def source(tmp_path):
    """In memory."""
    files = MemoryFileSystem()
    files.pipe_file("/somewhere/brains/c/0", DATA)
    files.pipe_file("/somewhere/brains/empty", b"")
    yield FsspecSource("memory://somewhere/brains", limits=QUICK)
    files.rm("/somewhere", recursive=True)


@pytest.fixture
def server(tmp_path):
    (tmp_path / "c").mkdir()
    (tmp_path / "c/0").write_bytes(DATA)
    fsspec.register_implementation("web", Web, clobber=True)
    with RangeServer(tmp_path) as running:
        yield running


def web(server, limits=QUICK):
    return FsspecSource(server.url.replace("http://", "web://"), limits=limits)


@pytest.mark.parametrize(("start", "length"), [(0, 0), (0, 1), (17, 4096), (0, len(DATA)), (len(DATA) - 1, 1)])
def test_bytes_are_those_of_the_file(source, server, start, length):
    for one in (source, web(server)):
        assert read(one, "c/0", start, length) == DATA[start : start + length]


def test_a_whole_file_has_a_limit(source):
    assert source.read_all("c/0", most=len(DATA)) == DATA
    assert source.read_all("empty", most=0) == b""
    with pytest.raises(CorruptError, match="more than the limit of 10 bytes"):
        source.read_all("c/0", most=10)


@pytest.mark.parametrize(("start", "length"), [(len(DATA), 1), (len(DATA) - 5, 6), (10**12, 1)])
def test_a_range_that_leaves_the_file_is_refused(source, start, length):
    with pytest.raises(CorruptError, match="c/0 at memory://somewhere/brains has fewer than") as caught:
        read(source, "c/0", start, length)
    assert caught.value.kind == "size"


def test_a_missing_file_is_told(source, server):
    for one in (source, web(server)):
        for call in (lambda one=one: read(one, "gone", 0, 1), lambda one=one: one.read_all("gone", most=10)):
            with pytest.raises(CorruptError, match=r"gone is missing at .*; check the address") as caught:
                call()
            assert caught.value.kind == "missing"


def test_a_path_out_of_the_store_is_refused(source):
    for call in (lambda: read(source, "../other", 0, 1), lambda: source.below("..")):
        with pytest.raises(UnsafePathError):
            call()


@pytest.mark.parametrize("fault", ["error_500", "error_503", "error_429", "reset", "truncate"])
def test_a_fault_that_passes_is_not_seen(server, fault):
    server.faults = Faults(**{fault: 1.0}, first=2)
    assert read(web(server), "c/0", 1000, 100_000) == DATA[1000:101_000]


@pytest.mark.timeout(30)
@pytest.mark.parametrize("fault", ["error_500", "truncate"])
def test_a_fault_that_stays_ends_in_time(server, fault):
    server.faults = Faults(**{fault: 1.0})
    with pytest.raises(
        RemoteError, match=r"c/0 at web://127\.0\.0\.1:\d+/ could not be read: the last of \d+ attempts"
    ):
        read(web(server, IMPATIENT), "c/0", 0, 10_000)
    assert server.requests > 1


def test_a_server_that_ignores_ranges_is_told(server):
    server.ranges = False
    with pytest.raises(RemoteError, match=r"does not give ranges of c/0; download"):
        read(web(server), "c/0", 10, 10)


def test_many_threads_read_exactly(source):
    starts, got = range(0, len(DATA) - 3000, 10_000), {}

    def work(mine):
        for start in mine:
            got[start] = read(source, "c/0", start, 3000)

    threads = [threading.Thread(target=work, args=(starts[number::8],)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert got == {start: DATA[start : start + 3000] for start in starts}


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fork_opens_its_own(server):
    source = web(server)
    assert read(source, "c/0", 0, 10) == DATA[:10]
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=report, args=(source, "c/0", len(DATA), queue))
    child.start()
    _, said = queue.get(timeout=60)
    child.join(30)
    assert len(set(said)) == 1
    assert ":" not in said[0]


def test_a_source_is_a_value(source):
    assert pickle.loads(pickle.dumps(source)) == source
    assert len({source, FsspecSource("memory://somewhere/brains", limits=QUICK)}) == 1
    assert isinstance(source, Source)
    assert source.remote
    assert source.below("2mm") == FsspecSource("memory://somewhere/brains/2mm", limits=QUICK)
    assert source.state("c/0", 1) == ()


def test_a_password_is_never_told():
    source = FsspecSource("sftp://user:s3cret@host/brains", limits=IMPATIENT)
    assert "s3cret" not in repr(source) + source.url
    with pytest.raises(RemoteError) as caught:
        read(source, "c/0", 0, 1)
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))


def test_a_library_that_is_missing_is_named():
    with pytest.raises(RemoteError, match=r"sftp://host/brains needs a package that is not installed: .*paramiko"):
        read(FsspecSource("sftp://host/brains"), "c/0", 0, 1)
