"""A store on a web server: exact bytes from a hostile one, or a clear error in time; no secret is told."""

import hashlib
import multiprocessing
import os
import pickle
import threading
import time
import traceback

import pytest
from range_server import Faults, RangeServer
from source_reading import DATA, FAULTS, IMPATIENT, QUICK, read, report

from voxpress.errors import CorruptError, RemoteError, StallError, UnsafePathError
from voxpress.store.sources import Limits, Source
from voxpress.store.sources.client import client_of
from voxpress.store.sources.http import HttpSource


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    (folder / "volumes/train.zarr").mkdir(parents=True)
    (folder / "volumes/train.zarr/c.0").write_bytes(DATA)
    (folder / "voxpress.json").write_bytes(b'{"a": 1}')
    (folder / "odd name+%20#ü").write_bytes(b"odd")
    (folder / "empty").write_bytes(b"")
    return folder


SHARD = "volumes/train.zarr/c.0"


@pytest.mark.parametrize(("start", "length"), [(0, 0), (0, 1), (17, 4096), (0, len(DATA)), (len(DATA) - 1, 1)])
def test_bytes_are_those_of_the_file(folder, start, length):
    with RangeServer(folder) as server:
        assert read(HttpSource(server.url), SHARD, start, length) == DATA[start : start + length]
        assert server.requests == (length > 0)
        assert server.bytes_sent == length


def test_a_connection_is_used_again(folder):
    with RangeServer(folder) as server:
        source = HttpSource(server.url)
        for start in range(20):
            read(source, SHARD, start, 10_000)
        source.read_all("voxpress.json", most=100)
        assert server.requests == 21
        assert server.connections == 1


@pytest.mark.parametrize("address", ["{}", "{}/", "{}?sig=a%2Fb"], ids=["bare", "slash", "query"])
def test_a_path_is_put_behind_the_address(folder, address):
    seen = []
    with RangeServer(folder / "volumes", query=lambda query: seen.append(query) or True) as server:
        source = HttpSource(address.format(server.url + "train.zarr"))
        assert read(source, "c.0", 3, 5) == DATA[3:8]
    assert seen == ["sig=a%2Fb" if "sig" in address else ""]


def test_names_are_quoted(folder):
    with RangeServer(folder) as server:
        assert HttpSource(server.url).read_all("odd name+%20#ü", most=10) == b"odd"


def test_a_whole_file_has_a_limit(folder):
    with RangeServer(folder) as server:
        source = HttpSource(server.url)
        assert source.read_all(SHARD, most=len(DATA)) == DATA
        assert source.read_all("empty", most=0) == b""
        server.reset()
        with pytest.raises(CorruptError, match=f"{len(DATA)} bytes, the limit is 10 bytes") as caught:
            source.read_all(SHARD, most=10)
        assert caught.value.kind == "size"


def test_a_body_of_unknown_size_has_a_limit(folder):
    def endless(method, path, headers):
        return 200, {"Content-Length": "", "Connection": "close"}, b"x" * 1000

    with RangeServer(answer=endless) as server, pytest.raises(CorruptError, match="has more, the limit is 999 bytes"):
        HttpSource(server.url).read_all("a", most=999)


@pytest.mark.parametrize(("start", "length"), [(len(DATA), 1), (len(DATA) - 5, 6), (10**12, 1)])
@pytest.mark.parametrize("ranges", [True, False])
def test_a_range_that_leaves_the_file_is_refused(folder, start, length, ranges):
    with RangeServer(folder, ranges=ranges) as server:
        with pytest.raises(CorruptError, match=f"has {len(DATA)} bytes, at least {start + length} were") as caught:
            read(HttpSource(server.url), SHARD, start, length)
        assert caught.value.kind == "size"
        assert server.requests == 1


def test_a_missing_file_is_told(folder):
    with RangeServer(folder) as server:
        source = HttpSource(server.url)
        for call in (lambda: read(source, "gone", 0, 1), lambda: source.read_all("gone", most=10)):
            with pytest.raises(CorruptError, match=f"gone is missing at {server.url}; check the address") as caught:
                call()
            assert (caught.value.kind, caught.value.path) == ("missing", "gone")
        assert server.requests == 2


@pytest.mark.parametrize("path", ["../a", "/a", "a//b", "a?b", "http://evil/"])
def test_a_path_out_of_the_store_is_refused(path):
    with pytest.raises(UnsafePathError):
        read(HttpSource("http://127.0.0.1:9/"), path, 0, 1)


def test_a_server_without_ranges_is_refused(folder):
    with RangeServer(folder, ranges=False) as server:
        source = HttpSource(server.url)
        assert read(source, SHARD, 0, len(DATA)) == DATA
        for start, length in ((1, 10), (0, 10)):
            with pytest.raises(RemoteError, match=r"does not give ranges of .* use a server that does"):
                read(source, SHARD, start, length)


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        pytest.param((206, {}, b"x" * 10), RemoteError, "does not give ranges", id="206 without Content-Range"),
        pytest.param(
            (206, {"Content-Range": "bytes 1-10/99"}, b"x" * 10),
            RemoteError,
            "bytes 1 to 10 instead",
            id="another range",
        ),
        pytest.param((206, {"Content-Range": "bytes 0-9/9"}, b"x" * 9), CorruptError, "has 9 bytes", id="short file"),
        pytest.param((206, {"Content-Encoding": "gzip"}, b"x"), RemoteError, "compressed", id="compressed"),
        pytest.param((204, {}, b""), RemoteError, "answered 204 No Content", id="no content"),
        pytest.param((400, {}, b""), RemoteError, "answered 400 Bad Request", id="bad request"),
        pytest.param((416, {}, b""), CorruptError, "is shorter", id="416 without a size"),
        pytest.param((302, {"Location": "file:///etc/passwd"}, b""), RemoteError, "not of http", id="to a file"),
        pytest.param((302, {"Location": "http://[::1"}, b""), RemoteError, "not of http", id="to nonsense"),
        pytest.param((302, {"Location": "/a"}, b""), RemoteError, "redirects more than 5 times", id="in a circle"),
        pytest.param((302, {}, b""), RemoteError, "answered 302", id="to nowhere"),
    ],
)
def test_an_answer_that_makes_no_sense_is_an_error(answer, error, said):
    with RangeServer(answer=lambda *_: answer) as server, pytest.raises(error, match=said):
        read(HttpSource(server.url, limits=IMPATIENT), "a", 0, 10)


@pytest.mark.usefixtures("waiting")
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_passes_is_not_seen(folder, fault):
    with RangeServer(folder, faults=Faults(**{fault: 1.0}, first=2, trickle_s=0.05)) as server:
        source = HttpSource(server.url, limits=QUICK)
        assert read(source, SHARD, 1000, 200_000) == DATA[1000:201_000]
        assert source.read_all("voxpress.json", most=10) == b'{"a": 1}'
        assert [request.fault for request in server.log] == [fault, fault, None] * 2


@pytest.mark.usefixtures("waiting")
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_stays_ends_in_time(folder, fault):
    stalls = fault in {"stall", "trickle", "trickle_head"}
    with RangeServer(folder, faults=Faults(**{fault: 1.0})) as server:
        began = time.monotonic()
        with pytest.raises(StallError if stalls else RemoteError, match=rf"{SHARD} at {server.url} could not be read"):
            read(HttpSource(server.url, limits=IMPATIENT), SHARD, 0, 10_000)
        # no more than the deadline and one request
        assert time.monotonic() - began < 0.5 + 0.1 + 1.0
        assert server.requests > 1


def test_a_large_read_goes_on_where_it_broke_off(folder):
    """Half of what is left comes each time, so that progress outlasts any number of attempts."""
    with RangeServer(folder, faults=Faults(truncate=1.0, first=4)) as server:
        assert read(HttpSource(server.url, limits=QUICK), SHARD, 0, len(DATA)) == DATA
        starts = [int(request.span.removeprefix("bytes=").partition("-")[0]) for request in server.log]
    assert starts == [0, 150_000, 225_000, 262_500, 281_250]


def test_a_slow_server_is_borne_while_there_is_progress(folder):
    """A request takes much longer than the time-out, but each time-out brings its part."""
    limits = Limits(timeout_s=0.4, least_bytes=10, deadline_s=0.4, first_delay_s=0.01)
    with RangeServer(folder, faults=Faults(trickle=1.0, trickle_s=0.004)) as server:
        began = time.monotonic()
        assert read(HttpSource(server.url, limits=limits), SHARD, 0, 200) == DATA[:200]
        assert time.monotonic() - began > 0.7
        assert server.requests == 1


@pytest.mark.parametrize("seed", [0, 1])
def test_many_threads_read_exactly_through_mixed_faults(folder, seed):
    ranges = [(start, 3000) for start in range(0, len(DATA) - 3000, 5000)]
    got = {}
    with RangeServer(folder, faults=Faults.mixed(0.3, seed=seed, retry_after=0.01)) as server:
        source = HttpSource(server.url, limits=QUICK)

        def work(mine):
            for start, length in mine:
                got[start] = read(source, SHARD, start, length)

        threads = [threading.Thread(target=work, args=(ranges[number::8],)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert len({request.fault for request in server.log}) > 4
    assert got == {start: DATA[start : start + length] for start, length in ranges}


def test_requests_at_a_time_are_limited(folder):
    limits = Limits(requests=3)
    with RangeServer(folder, delay_s=0.02) as server:
        source = HttpSource(server.url, limits=limits)
        threads = [threading.Thread(target=read, args=(source, SHARD, number, 10)) for number in range(24)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert server.requests == 24
        assert server.busiest == 3
        assert server.connections <= 3


@pytest.mark.parametrize(("asked", "least"), [("0.4", 0.4), ("date", 0.0)], ids=["seconds", "date"])
def test_all_threads_wait_when_the_server_asks_for_it(folder, asked, least):
    """By the server's own clock: after it said 429, nothing more comes until the time is over."""
    faults = Faults(error_429=1.0, first=1, retry_after=asked)
    with RangeServer(folder, faults=faults) as server:
        limits = Limits(first_delay_s=0.01, requests=1)
        source = HttpSource(server.url, limits=limits)
        threads = [threading.Thread(target=read, args=(source, SHARD, number, 10)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [request.status for request in server.log] == [429] + [206] * 6
        assert server.log[1].at - server.log[0].at >= least


def test_a_wait_beyond_patience_is_refused_at_once(folder):
    with RangeServer(folder, faults=Faults(error_429=1.0, retry_after=3600)) as server:
        began = time.monotonic()
        with pytest.raises(RemoteError, match="429 Too Many Requests; use fewer jobs or a cache"):
            read(HttpSource(server.url, limits=Limits()), SHARD, 0, 10)
        assert time.monotonic() - began < 10
        assert server.requests == 1


def test_a_server_that_is_not_there_is_told_soon(folder):
    with RangeServer(folder) as server:
        gone = server.url
    with pytest.raises(
        RemoteError, match=r"4 attempts .* could not connect to 127\.0\.0\.1 \(.*refused.*check the add"
    ):
        read(HttpSource(gone, limits=Limits(first_delay_s=0.01)), SHARD, 0, 10)


# credentials


def test_a_password_goes_to_its_host_only_and_is_never_told(folder):
    with (
        RangeServer(folder, refuse_token=True, query=lambda query: query == "sig=s3cret") as storage,
        RangeServer(redirect_to=storage.url, redirect_query="sig=s3cret") as server,
    ):
        source = HttpSource(server.url.replace("://", "://me:pa%3Ass@"), limits=IMPATIENT)
        assert read(source, SHARD, 0, 10) == DATA[:10]
        assert server.log[0].headers["authorization"] == "Basic bWU6cGE6c3M="
        assert "authorization" not in storage.log[0].headers
        assert source.url == server.url.replace("://", "://***@")
        storage.faults = Faults(reset=1.0)
        with pytest.raises(RemoteError) as caught:
            read(source, SHARD, 0, 10)
    told = "".join(traceback.format_exception(caught.value)) + repr(source) + source.url
    assert "s3cret" not in told
    assert "pa%3Ass" not in told
    assert "pa:ss" not in told


def test_a_query_is_masked():
    source = HttpSource("https://me@example.org/store?sig=s3cret")
    assert repr(source) == "HttpSource('https://***@example.org/store?***')"


@pytest.mark.parametrize("code", [401, 403])
def test_a_refusal_says_which_credentials_to_give(code):
    with RangeServer(answer=lambda *_: (code, {}, b"")) as server:
        with pytest.raises(RemoteError, match=f"answered {code} .*user:password@host"):
            read(HttpSource(server.url, limits=QUICK), "a", 0, 1)
        with pytest.raises(RemoteError, match=f"answered {code} .*HF_TOKEN"):
            read(HttpSource(server.url, hub=True, limits=QUICK), "a", 0, 1)
        assert server.requests == 2


def test_the_token_of_the_hub_goes_to_the_hub_only(folder, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_s3cret")
    monkeypatch.setattr("voxpress.store.sources.hub._TOKEN_S", 0.0)
    with (
        RangeServer(folder, refuse_token=True) as storage,
        RangeServer(token="hf_s3cret", redirect_to=storage.url) as server,
    ):
        source = HttpSource(server.url, hub=True, limits=IMPATIENT)
        assert read(source, SHARD, 0, 10) == DATA[:10]
        assert b"hf_s3cret" not in pickle.dumps(source)
        server.token = "another"
        with pytest.raises(RemoteError) as caught:
            read(source, "voxpress.json", 0, 1)
        assert "hf_s3cret" not in "".join(traceback.format_exception(caught.value))
    with RangeServer(folder) as plain:
        read(HttpSource(plain.url, limits=QUICK), SHARD, 0, 1)
        assert "authorization" not in plain.log[0].headers


# redirects


def test_where_a_file_is_is_remembered(folder):
    with RangeServer(folder) as storage, RangeServer(redirect_to=storage.url) as server:
        source = HttpSource(server.url, limits=QUICK)
        for start in range(10):
            read(source, SHARD, start, 10)
        assert (server.requests, storage.requests) == (1, 10)
        source.read_all("voxpress.json", most=10)
        assert (server.requests, storage.requests) == (2, 11)


@pytest.mark.parametrize("code", [400, 401, 403, 410])
def test_an_expired_address_is_asked_for_again(folder, code):
    """Storage of different makers says so with different codes."""
    valid = {"n": 0}

    with (
        RangeServer(folder, query=lambda query: query == f"n={valid['n']}", refusal=code) as storage,
        RangeServer(redirect_to=storage.url, redirect_query=lambda: f"n={valid['n']}") as server,
    ):
        source = HttpSource(server.url, limits=QUICK)
        for _ in range(3):
            assert read(source, SHARD, 5, 5) == DATA[5:10]
            assert read(source, SHARD, 6, 5) == DATA[6:11]
            valid["n"] += 1
        assert server.requests == 3
        assert [request.status for request in storage.log] == [206, 206, code, 206, 206, code, 206, 206]


def test_an_address_that_is_refused_for_good_is_an_error(folder):
    with (
        RangeServer(folder, query=lambda _: False) as storage,
        RangeServer(redirect_to=storage.url) as server,
        pytest.raises(RemoteError, match="answered 403"),
    ):
        read(HttpSource(server.url, limits=QUICK), SHARD, 0, 1)


# processes


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_another_process_uses_connections_of_its_own(folder, method):
    context, stop = multiprocessing.get_context(method), threading.Event()
    with RangeServer(folder) as server:
        source = HttpSource(server.url, limits=Limits(requests=2))

        def work():
            while not stop.is_set():
                assert read(source, SHARD, 7, 100) == DATA[7:107]

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            queue = context.Queue()
            child = context.Process(target=report, args=(source, SHARD, len(DATA), queue))
            child.start()
            pid, said = queue.get(timeout=60)
            child.join(30)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
    assert pid != os.getpid()
    assert said == [hashlib.sha256(DATA).hexdigest()] * 4
    assert child.exitcode == 0


def test_nothing_is_sent_and_no_thread_starts_before_the_first_read(folder):
    with RangeServer(folder) as server:
        before = threading.active_count()
        source = pickle.loads(pickle.dumps(HttpSource(server.url, limits=QUICK)))
        assert source.state(SHARD, 1) == ()
        assert server.connections == 0
        assert threading.active_count() == before
        read(source, SHARD, 0, 1)
        assert server.connections == 1


def test_a_source_is_a_value():
    source = HttpSource("http://example.org/brains", limits=QUICK)
    assert pickle.loads(pickle.dumps(source)) == source
    assert len({source, HttpSource("http://example.org/brains", limits=QUICK)}) == 1
    assert isinstance(source, Source)
    assert source.remote
    assert client_of(QUICK) is client_of(Limits(**{name: getattr(QUICK, name) for name in QUICK.__slots__}))


@pytest.mark.parametrize("address", ["brains", "ftp://host/x", "http://", "https:///path"])
def test_an_address_that_is_none_is_refused(address):
    with pytest.raises(ValueError, match="must start with http"):
        HttpSource(address)


def test_a_proxy_of_the_environment_is_used(folder, monkeypatch):
    with RangeServer(answer=lambda method, path, headers: (200, {}, path.encode())) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        source = HttpSource("http://brains.invalid/store", limits=Limits(first_delay_s=0.003))
        assert source.read_all("voxpress.json", most=100) == b"store/voxpress.json"
        assert proxy.log[0].headers["host"] == "brains.invalid"
