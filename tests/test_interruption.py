"""Runs that are killed, wherever that may be: what is committed stays, and resuming gives the same bytes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tiny_factory import SAMPLES, committed, contents, living, order, press, spawn, until
from troubled_backend import Trouble

from voxpress import store
from voxpress.errors import GenerationError, StoreExistsError, StoreNotFoundError

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc"),
]


@pytest.fixture
def stuck(tmp_path):
    """Starts a run of two workers, and waits until both are in the middle of a shard, for ever."""
    runs = []

    def start(at: int):
        trouble = {"kind": "wait", "at": at, "folder": str(tmp_path)}
        runs.append(spawn(tmp_path / "balls", workers=2, trouble=trouble))
        until(lambda: len(list(tmp_path.glob("waiting-*"))) == 2)
        return runs[-1]

    yield start
    for run in runs:
        if living(run.pid):
            os.killpg(run.pid, signal.SIGKILL)
        run.communicate()


def resumes(target, pressed_balls, *, workers=1) -> None:
    """Resuming makes what was not committed, no more, and ends in the same bytes as ever."""
    there = committed(target)
    run = press(order(), target, workers=workers)
    assert run.made == SAMPLES - there
    assert contents(target) == contents(pressed_balls)


def test_killed_before_each_rename(tmp_path) -> None:
    program = [sys.executable, "-m", "killed_everywhere", str(tmp_path)]
    done = subprocess.run(program, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    # order.json; image, label and record of two shards; recipe, two tables and three zarr.json; the copies of these and
    # of the manifest; the record of refused attempts; the manifest
    assert len(told) == 1 + 2 * 3 + 2 * (1 + 2 + 3) + 1 + 1 + 1
    for each in told:
        assert each["same"]
        assert not each["finished"]
        assert each["made"] == 4 - each["committed"]
    assert [each["committed"] for each in told] == [0] * 4 + [2] * 3 + [4] * 15


@pytest.mark.parametrize(("at", "workers"), [(0, 1), (5, 2), (11, 1)])
def test_all_processes_killed_in_the_middle_of_a_shard(stuck, tmp_path, pressed_balls, at, workers) -> None:
    run, target = stuck(at), tmp_path / "balls"
    assert 0 < committed(target) < SAMPLES or at == 0
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    with pytest.raises(StoreNotFoundError, match="unfinished"):
        store.open(target)
    resumes(target, pressed_balls, workers=workers)


def test_no_worker_outlives_its_parent(stuck, tmp_path, pressed_balls) -> None:
    run = stuck(5)
    assert len(living(run.pid)) >= 3
    os.kill(run.pid, signal.SIGKILL)
    until(lambda: not living(run.pid), timeout_s=20)
    resumes(tmp_path / "balls", pressed_balls)


def test_a_second_run_at_the_same_time_is_refused(stuck, tmp_path, pressed_balls) -> None:
    run, target = stuck(5), tmp_path / "balls"
    before = contents(target)
    with pytest.raises(StoreExistsError, match="another run is at work"):
        press(order(), target)
    assert contents(target) == before
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    resumes(target, pressed_balls)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    ("after", "delay_s"), [(0, 0), (0, 0.3), (2, 0)], ids=["at once", "while workers start", "amid shards"]
)
def test_ctrl_c_ends_soon_and_quietly(tmp_path, pressed_balls, workers, after, delay_s) -> None:
    target = tmp_path / "balls"
    run = spawn(target, workers=workers, trouble={"kind": "pause"})
    until(lambda: committed(target) >= after and (target / ".voxpress-work" / "order.json").exists())
    time.sleep(delay_s)
    os.killpg(run.pid, signal.SIGINT)
    _, stderr = run.communicate(timeout=20)
    assert run.returncode == -signal.SIGINT, stderr
    assert "spawn_main" not in stderr, "a worker told of it too"
    assert stderr.endswith("KeyboardInterrupt\n"), stderr
    until(lambda: not living(run.pid), timeout_s=20)
    assert not (target / "voxpress.json").exists()
    resumes(target, pressed_balls)


@pytest.mark.parametrize("kind", ["die", "die_with_lock"])
def test_a_worker_that_dies_is_told_of(tmp_path, pressed_balls, kind) -> None:
    with pytest.raises(GenerationError, match="a worker process died, most likely for want of memory"):
        press(order(), tmp_path, Trouble(kind=kind, at=9), workers=2)
    resumes(tmp_path, pressed_balls, workers=2)
