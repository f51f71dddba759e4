"""The engine of this machine: all shards once, errors as they were raised, no process left behind."""

from __future__ import annotations

import multiprocessing
from functools import partial

import pytest
import spawned
from tiny_factory import SAMPLES, SHARDS, order
from troubled_backend import Trouble, TroubledBackend

from voxpress.errors import GenerationError
from voxpress.generation.arrays import specs_of
from voxpress.generation.cohort import draw_cohort
from voxpress.generation.engines import LocalEngine, Needs, local, run_local
from voxpress.generation.factory import plan_jobs
from voxpress.generation.shard_maker import ShardMaker

pytestmark = pytest.mark.timeout(120)
RECIPE = order()
BACKEND = TroubledBackend({}, RECIPE.grid)
JOBS = plan_jobs(draw_cohort(RECIPE, BACKEND))


def maker(target, trouble=None) -> ShardMaker:
    load = partial(TroubledBackend, {}, RECIPE.grid, trouble=trouble or Trouble())
    return ShardMaker(load=load, specs=specs_of(RECIPE, BACKEND), seed=RECIPE.seed, target=target)


@pytest.mark.parametrize("workers", [1, 2, 20])
def test_every_shard_is_made_once(tmp_path, workers) -> None:
    told: list[int] = []
    records = list(run_local(maker(tmp_path), JOBS, workers=workers, on_sample=told.append))
    assert sorted((r.split, r.number) for r in records) == sorted((job.split, job.number) for job in JOBS)
    assert len(records) == SHARDS
    assert sum(told) == SAMPLES
    assert min(told) > 0
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("count", [0, 1])
def test_few_shards_need_no_processes(tmp_path, workers, count) -> None:
    records = list(run_local(maker(tmp_path), JOBS[:count], workers=workers, on_sample=lambda _: None))
    assert len(records) == count


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_ends_the_run(tmp_path, workers) -> None:
    with pytest.raises(GenerationError, match="tiny-balls-0000005"):
        list(run_local(maker(tmp_path, Trouble(kind="raise", at=5)), JOBS, workers=workers, on_sample=lambda _: None))
    assert multiprocessing.active_children() == []


def test_a_caller_that_stops_early_leaves_no_process(tmp_path) -> None:
    run = run_local(maker(tmp_path, Trouble(kind="pause")), JOBS, workers=2, on_sample=lambda _: None)
    next(run)
    run.close()
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize(("gpus", "workers"), [(["2", "GPU-abc"], 2), (["0"], 2)])
def test_each_process_has_one_device(gpus, workers) -> None:
    made = list(run_local(spawned.ShowsDevice(), JOBS, workers=workers, on_sample=lambda _: None, gpus=gpus))
    devices = dict(made)
    assert len(set(made)) == len(devices) == workers
    assert set(devices.values()) == set(gpus)


def test_one_worker_a_device_where_the_backend_needs_one(monkeypatch) -> None:
    monkeypatch.setattr(local, "_gpus", lambda: ("0", "1"))
    made = LocalEngine().run(spawned.ShowsDevice(), JOBS, on_sample=lambda _: None, needs=Needs(gpus=1))
    assert sorted(set(dict(made).values())) == ["0", "1"]
