"""Memory in parts that a server's answer is put into: exact bytes, whatever fails on the way."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from range_server import Faults, RangeServer
from source_reading import DATA, FAULTS, IMPATIENT, QUICK, read_parts

from voxpress.errors import CorruptError, RemoteError, StallError
from voxpress.store.sources.http import HttpSource
from voxpress.store.sources.parts import Parts


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    (folder / "c.0").write_bytes(DATA)
    return folder


def pieces(start: int, sizes: list[int]) -> list[bytes]:
    ends = np.cumsum([start, *sizes]).tolist()
    return [DATA[first:last] for first, last in pairwise(ends)]


@given(st.lists(st.integers(1, 30), min_size=1, max_size=20), st.data())
def test_parts_are_filled_in_order(sizes, data):
    memory = [bytearray(size) for size in sizes]
    parts = Parts([memoryview(part) for part in memory])
    done, total = 0, sum(sizes)
    while parts.left:
        most = data.draw(st.integers(1, total))
        following = parts.next(most)
        assert sum(map(len, following)) == min(most, total - done)
        size = data.draw(st.integers(1, min(most, total - done)))
        parts.put(DATA[done : done + size])
        done += size
        assert parts.left == total - done
    assert b"".join(memory) == DATA[:total]


def test_no_more_parts_than_one_call_takes():
    parts = Parts([memoryview(bytearray(2)) for _ in range(3000)])
    assert len(parts.next(6000)) == 1024
    parts.filled(2047)
    assert [len(part) for part in parts.next(4)] == [1, 2, 1]


@pytest.mark.usefixtures("waiting")
@pytest.mark.parametrize(
    "sizes",
    [[1], [300_000], [100_000, 4, 100_000, 4], [4] * 5000, [8192, 1, 8191], [1] * 2000 + [200_000]],
    ids=["a byte", "all", "large and small", "very many", "as a buffer", "small and large"],
)
def test_bytes_are_those_of_the_file(folder, sizes):
    with RangeServer(folder) as server:
        source = HttpSource(server.url)
        assert read_parts(source, "c.0", 0, sizes) == pieces(0, sizes)
        assert read_parts(source, "c.0", 0, sizes) == pieces(0, sizes)
        assert (server.requests, server.connections) == (2, 1)


@pytest.mark.usefixtures("waiting")
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_passes_is_not_seen(folder, fault):
    sizes = [70_000, 4, 9_996, 50_000, 4, 69_996]
    with RangeServer(folder, faults=Faults(**{fault: 1.0}, first=2, trickle_s=0.05)) as server:
        assert read_parts(HttpSource(server.url, limits=QUICK), "c.0", 1000, sizes) == pieces(1000, sizes)
        assert [request.fault for request in server.log] == [fault, fault, None]


@pytest.mark.usefixtures("waiting")
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_stays_is_an_error(folder, fault):
    stalls = fault in {"stall", "trickle", "trickle_head"}
    with (
        RangeServer(folder, faults=Faults(**{fault: 1.0})) as server,
        pytest.raises(StallError if stalls else RemoteError, match=r"c\.0 at .* could not be read"),
    ):
        read_parts(HttpSource(server.url, limits=IMPATIENT), "c.0", 0, [9_000, 1_000])


@pytest.mark.usefixtures("waiting")
def test_a_read_goes_on_within_a_part(folder):
    with RangeServer(folder, faults=Faults(truncate=1.0, first=4)) as server:
        sizes = [140_000, 20_000, 140_000]
        assert read_parts(HttpSource(server.url, limits=QUICK), "c.0", 0, sizes) == pieces(0, sizes)
        starts = [int(request.span.removeprefix("bytes=").partition("-")[0]) for request in server.log]
    assert starts == [0, 150_000, 225_000, 262_500, 281_250]


def test_parts_that_leave_the_file_are_refused(folder):
    with RangeServer(folder) as server, pytest.raises(CorruptError, match="300000 bytes, at least 300001"):
        read_parts(HttpSource(server.url), "c.0", 299_990, [8, 3])
