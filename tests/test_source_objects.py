"""Object storage through obstore: a server that speaks as much of S3 as reading needs, hostile as the others."""

import multiprocessing
import os
import pickle
import sys
import threading
import time
import traceback

import pytest
from range_server import Faults, RangeServer
from source_reading import DATA, read, read_parts, report

from voxpress.errors import CorruptError, RemoteError, StallError, UnsafePathError
from voxpress.store.sources import Limits, Source
from voxpress.store.sources.objects import ObjectSource

QUICK = Limits(connect_s=1, timeout_s=0.2, least_bytes=30_000, deadline_s=5, first_delay_s=0.002, longest_delay_s=0.02)
IMPATIENT = Limits(connect_s=1, timeout_s=0.1, deadline_s=0.3, first_delay_s=0.01, longest_delay_s=0.05)
SOURCE = ObjectSource("s3://bucket/brains", limits=QUICK)


@pytest.fixture
def server(tmp_path, monkeypatch):
    (tmp_path / "bucket/brains/c").mkdir(parents=True)
    (tmp_path / "bucket/brains/c/0").write_bytes(DATA)
    (tmp_path / "bucket/brains/empty").write_bytes(b"")
    with RangeServer(tmp_path) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url.rstrip("/"))
        monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
        monkeypatch.setenv("AWS_REGION", "us-east-1")
        # what was opened has the address of the server of another test
        monkeypatch.setattr("voxpress.store.sources.objects._OPENED", _fresh())
        yield server


def _fresh():
    from voxpress.store.sources.process import PerProcess

    return PerProcess(dict)


@pytest.mark.parametrize(("start", "length"), [(0, 0), (0, 1), (17, 4096), (0, len(DATA)), (len(DATA) - 1, 1)])
def test_bytes_are_those_of_the_file(server, start, length):
    assert read(SOURCE, "c/0", start, length) == DATA[start : start + length]


def test_several_buffers_are_filled(server):
    source = ObjectSource("s3://bucket/brains", limits=Limits(least_bytes=10_000))
    sizes = [50_000, 4, 99_996, 7]
    assert b"".join(read_parts(source, "c/0", 100, sizes)) == DATA[100:150_107]
    assert server.requests == 4, "of four times 10,000 bytes each"


def test_a_whole_file_has_a_limit(server):
    assert SOURCE.read_all("c/0", most=len(DATA)) == DATA
    assert SOURCE.read_all("empty", most=0) == b""
    with pytest.raises(CorruptError, match=f"{len(DATA)} bytes, the limit is 10"):
        SOURCE.read_all("c/0", most=10)


@pytest.mark.parametrize(("start", "length"), [(len(DATA), 1), (len(DATA) - 5, 6), (10**12, 1)])
def test_a_range_that_leaves_the_file_is_refused(server, start, length):
    with pytest.raises(CorruptError, match=r"c/0 at s3://bucket/brains (is shorter|has 300000 bytes)") as caught:
        read(SOURCE, "c/0", start, length)
    assert caught.value.kind == "size"


def test_a_missing_file_is_told(server):
    for call in (lambda: read(SOURCE, "gone", 0, 1), lambda: SOURCE.read_all("gone", most=10)):
        with pytest.raises(CorruptError, match="gone is missing at s3://bucket/brains; check the address") as caught:
            call()
        assert caught.value.kind == "missing"


def test_a_path_out_of_the_store_is_refused(server):
    with pytest.raises(UnsafePathError):
        read(SOURCE, "../other", 0, 1)


FAULTS = ["error_500", "error_503", "error_429", "reset", "truncate", "stall", "trickle", "trickle_head"]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_passes_is_not_seen(server, fault):
    server.faults = Faults(**{fault: 1.0}, first=2)
    assert read(SOURCE, "c/0", 1000, 100_000) == DATA[1000:101_000]


@pytest.mark.parametrize("fault", ["error_500", "truncate", "stall"])
def test_a_fault_that_stays_ends_in_time(server, fault):
    server.faults = Faults(**{fault: 1.0})
    source, began = ObjectSource("s3://bucket/brains", limits=IMPATIENT), time.monotonic()
    with pytest.raises(StallError if fault == "stall" else RemoteError, match="c/0 at s3://bucket/brains could not be"):
        read(source, "c/0", 0, 10_000)
    assert time.monotonic() - began < 0.3 + 0.4 + 1.0
    assert server.requests > 1


def test_many_threads_read_exactly_through_mixed_faults(server):
    server.faults = Faults.mixed(0.3)
    starts, got = range(0, len(DATA) - 3000, 10_000), {}

    def work(mine):
        for start in mine:
            got[start] = read(SOURCE, "c/0", start, 3000)

    threads = [threading.Thread(target=work, args=(starts[number::8],)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert got == {start: DATA[start : start + 3000] for start in starts}


def test_keys_of_the_environment_are_used_and_never_told(server, monkeypatch):
    monkeypatch.delenv("AWS_SKIP_SIGNATURE")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
    assert read(SOURCE, "c/0", 0, 10) == DATA[:10]
    assert server.log[0].headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/")
    assert b"AKIA" not in pickle.dumps(SOURCE)
    server.token = "another"
    with pytest.raises(RemoteError, match=r"does not let c/0 be read; set AWS_ACCESS_KEY_ID and") as caught:
        read(SOURCE, "c/0", 0, 10)
    told = "".join(traceback.format_exception(caught.value))
    assert "AKIAEXAMPLE" not in told
    assert "Credential" not in told


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_another_process_opens_its_own(server, method):
    assert read(SOURCE, "c/0", 0, 10) == DATA[:10]
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    # the environment of a fork server is that of its start, so it is given along
    child = context.Process(target=_report_in, args=(dict(os.environ), queue))
    child.start()
    _, said = queue.get(timeout=60)
    child.join(30)
    assert len(set(said)) == 1
    assert ":" not in said[0]


def _report_in(environment, queue):
    os.environ.update(environment)
    report(SOURCE, "c/0", len(DATA), queue)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fork_after_a_read_is_an_error_and_no_hang(server):
    read(SOURCE, "c/0", 0, 10)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=report, args=(SOURCE, "c/0", 10, queue))
    child.start()
    _, said = queue.get(timeout=60)
    child.join(30)
    assert len(said) == 4
    assert all("num_workers=0" in text and text.startswith("RemoteError") for text in said)


def test_nothing_starts_before_the_first_read(server):
    before = set(sys.modules)
    source = pickle.loads(pickle.dumps(ObjectSource("s3://bucket/elsewhere")))
    assert source.state("c/0", 1) == ()
    assert not {name for name in set(sys.modules) - before if name.startswith("obstore")}
    assert server.connections == 0


def test_without_obstore_the_extra_is_named(server, monkeypatch):
    monkeypatch.setitem(sys.modules, "obstore", None)
    for call in (lambda: read(SOURCE, "c/0", 0, 1), lambda: SOURCE.read_all("c/0", most=1)):
        with pytest.raises(RemoteError, match=r"pip install 'voxpress\[cloud\]'"):
            call()


def test_a_source_is_a_value():
    assert pickle.loads(pickle.dumps(SOURCE)) == SOURCE
    assert len({SOURCE, ObjectSource("s3://bucket/brains", limits=QUICK)}) == 1
    assert isinstance(SOURCE, Source)
    assert SOURCE.remote


@pytest.mark.parametrize("address", ["s3://", "s3://key:s3cret@bucket/x", "ftp://bucket/x", "az://c/x?sig=s3cret"])
def test_an_address_that_is_none_is_refused(address):
    with pytest.raises(ValueError, match="must be s3://bucket/folder") as caught:
        ObjectSource(address)
    assert "s3cret" not in str(caught.value)
