"""The engine of a Ray cluster: a real one of two nodes; nodes and workers that die do not change a byte."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import ray_nodes
from mounts import may_mount
from s3_server import objects
from tiny_factory import SAMPLES, SHARDS, committed, contents, living, order, press, press_share, spawn, until
from tiny_factory import finish as finish_balls
from troubled_backend import Trouble

import voxpress
from voxpress.errors import GenerationError
from voxpress.generation import elsewhere
from voxpress.generation.engines import engine_of
from voxpress.store import write_atomic
from voxpress.store.bucket import Bucket
from voxpress.store.sources.objects import ObjectSource

ray = pytest.importorskip("ray")

from voxpress.generation.engines.ray import RayEngine  # noqa: E402
from voxpress.generation.engines.ray_crew import Crew  # noqa: E402

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(240),
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc"),
]


@pytest.fixture(scope="module")
def cluster(s3):
    before = frozenset(ray_nodes.processes())
    with ray_nodes.two_nodes(s3.environment) as cluster:
        yield cluster
    until(lambda: not ray_nodes.processes(before), timeout_s=20)


@pytest.fixture
def engine(cluster):
    before = frozenset(ray_nodes.actors())
    yield RayEngine(address=cluster.address)
    assert not ray.is_initialized()
    until(lambda: not ray_nodes.actors(before), timeout_s=20)


def test_neither_the_cluster_nor_its_workers_change_a_byte(engine, pressed_balls, tmp_path) -> None:
    told = []
    run = press(order(), tmp_path, engine=engine, progress=told.append)
    assert run.made == SAMPLES
    assert contents(tmp_path) == contents(pressed_balls)
    assert [each.done for each in told] == sorted(each.done for each in told)
    assert (told[0].done, told[-1].done) == (0, SAMPLES)


def test_a_shard_that_workers_die_of_is_given_up(engine, pressed_balls, tmp_path) -> None:
    rows = voxpress.open(pressed_balls).table.to_pylist()
    deadly = next(row for row in rows if row["index"] == 9)
    shard = f"{deadly['split']} {deadly['image']['index'] // 2}"
    with pytest.raises(GenerationError, match=f"3 workers died one after the other at the shard {shard}, "):
        press(order(), tmp_path, Trouble(kind="die", at=9), engine=engine)


@dataclass(frozen=True)
class Nap:
    """A job that takes so long."""

    number: int
    seconds: float
    rows: tuple[int, ...] = (0,)


class Sleeper:
    def make(self, job: Nap, *, on_sample):
        time.sleep(job.seconds)
        on_sample()
        return job.number


@pytest.mark.parametrize(("seconds", "most_calls"), [(0.001, 60), (0.6, 12)])
def test_short_jobs_share_calls_and_long_ones_do_not(cluster, monkeypatch, seconds, most_calls) -> None:
    naps = [Nap(number, seconds) for number in range(1000 if seconds < 0.1 else 12)]
    calls, told = [], []
    monkeypatch.setattr(Crew, "_next", lambda crew, plain=Crew._next: calls.append(plain(crew)) or calls[-1])
    made = list(RayEngine(address=cluster.address).run(Sleeper(), naps, on_sample=told.append))
    assert sorted(made) == [nap.number for nap in naps]
    assert sum(told) == len(naps)
    assert len(calls) <= most_calls
    assert seconds < 0.1 or max(map(len, calls)) == 1


def test_a_worker_that_dies_is_replaced(engine, pressed_balls, tmp_path) -> None:
    told = []
    press(
        order(),
        tmp_path / "balls",
        Trouble(kind="die_once", at=9, folder=str(tmp_path)),
        engine=engine,
        progress=told.append,
    )
    assert (tmp_path / "died").exists()
    assert contents(tmp_path / "balls") == contents(pressed_balls)
    assert told[-1].done == SAMPLES


@contextmanager
def node_killed_at(cluster, committed, least: int):
    """Kills a node once so much is committed, and gives what is then; another takes its place."""
    killed = []

    def kill() -> None:
        until(lambda: committed() >= least)
        ray_nodes.kill_node(cluster, next(iter(cluster.worker_nodes)))
        killed.append(committed())

    killer = threading.Thread(target=kill)
    killer.start()
    yield killed
    killer.join()
    cluster.add_node(**ray_nodes.NODE)


def test_a_node_that_is_killed_in_the_middle_changes_no_byte(cluster, engine, pressed_balls, tmp_path) -> None:
    with node_killed_at(cluster, lambda: committed(tmp_path), 2) as killed:
        press(order(), tmp_path, Trouble(kind="pause"), engine=engine)
    assert killed[0] < SAMPLES
    assert contents(tmp_path) == contents(pressed_balls)


def test_workers_put_their_shards_into_a_bucket(bucket, cluster, engine, pressed_balls) -> None:
    target = f"{bucket}/balls"
    there = Bucket(ObjectSource(target))
    with node_killed_at(cluster, lambda: len(there.sizes(".voxpress-work/shards")), 2) as killed:
        press(order(), target, Trouble(kind="pause"), engine=engine)
    assert killed[0] < SHARDS
    assert objects(target) == contents(pressed_balls)


@pytest.mark.skipif(not may_mount(), reason="needs mounts of its own")
def test_nodes_that_do_not_see_the_folder_send_their_shards(monkeypatch, pressed_balls, tmp_path) -> None:
    brought = []
    monkeypatch.setattr(elsewhere, "write_atomic", lambda *a, **k: brought.append(a[0]) or write_atomic(*a, **k))
    with ray_nodes.node_without(tmp_path) as address:
        press(order(), tmp_path, engine=RayEngine(address=address))
    assert len(brought) == SHARDS * 2, "of image and label"
    assert contents(tmp_path) == contents(pressed_balls)


def test_an_error_of_the_backend_is_told_as_ever(engine, pressed_balls, tmp_path) -> None:
    with pytest.raises(GenerationError, match=r"'spheres' failed at tiny-balls-0000009 \(attempt 0.*ZeroDivisionError"):
        press(order(), tmp_path, Trouble(kind="raise", at=9), engine=engine)
    there = committed(tmp_path)
    assert press(order(), tmp_path, engine=engine).made == SAMPLES - there
    assert contents(tmp_path) == contents(pressed_balls)


def test_ctrl_c_stops_between_samples(cluster, engine, pressed_balls, tmp_path) -> None:
    target = tmp_path / "balls"
    run = spawn(target, ray=cluster.address, trouble={"kind": "pause"})
    try:
        until(lambda: committed(target) >= 2)
        os.killpg(run.pid, signal.SIGINT)
        _, stderr = run.communicate(timeout=30)
    finally:
        if living(run.pid):
            os.killpg(run.pid, signal.SIGKILL)
    assert run.returncode == -signal.SIGINT, stderr
    assert list((target / ".voxpress-work" / "scratch").iterdir()) == []
    until(lambda: not ray_nodes.actors(), timeout_s=20)
    there = committed(target)
    assert 2 <= there < SAMPLES
    assert press(order(), target, engine=engine).made == SAMPLES - there
    assert contents(target) == contents(pressed_balls)


def test_shares_are_made_by_a_cluster_too(engine, pressed_balls, tmp_path) -> None:
    assert press_share("1/2", tmp_path, engine=engine).shards == SHARDS / 2
    press_share("2/2", tmp_path)
    finish_balls(tmp_path)
    assert contents(tmp_path) == contents(pressed_balls)


def test_a_program_that_is_connected_stays_so(cluster, pressed_balls, tmp_path) -> None:
    ray.init(address=cluster.address, logging_level="error", log_to_driver=False)
    try:
        press(order(), tmp_path, engine=engine_of("ray", workers=1))
        assert ray.is_initialized()
    finally:
        ray.shutdown()
    assert contents(tmp_path) == contents(pressed_balls)


def test_a_worker_with_other_software_is_refused(engine, tmp_path) -> None:
    with pytest.raises(GenerationError, match=r"other bytes than this machine \(backend\.pid was \d+, is \d+ here\)"):
        press(order(), tmp_path, Trouble(kind="other_software"), engine=engine)
    assert committed(tmp_path) == 0


def test_a_backend_that_no_node_has_room_for_is_refused(engine, tmp_path) -> None:
    with pytest.raises(GenerationError, match=r"needs, 1 CPUs and 2 GPUs; it has 2 nodes: 1 CPUs, 0 GPUs; 1 CPUs, 0"):
        press(order(), tmp_path, Trouble(kind="needs_gpus"), engine=engine)
