"""One shard: what is asked of the backend, what is refused, what is written."""

from __future__ import annotations

import dataclasses
import pickle

import numpy as np
import pytest
from spheres_backend import SpheresBackend
from tiny_factory import order

from voxpress import store
from voxpress.errors import GenerationError
from voxpress.generation.arrays import specs_of
from voxpress.generation.cohort import draw_cohort
from voxpress.generation.factory import plan_jobs
from voxpress.generation.shard_maker import MOST_ATTEMPTS, ShardMaker

RECIPE = order()
BACKEND = SpheresBackend({}, RECIPE.grid)
JOB = plan_jobs(draw_cohort(RECIPE, BACKEND))[1]
SPECS = specs_of(RECIPE, BACKEND)


def maker(target, backend=None) -> ShardMaker:
    return ShardMaker(load=lambda: backend or BACKEND, specs=SPECS, seed=RECIPE.seed, target=target)


def make(target, backend=None):
    return maker(target, backend).make(JOB, on_sample=lambda: None)


class Changed(SpheresBackend):
    """Samples are changed by `change` after they are made."""

    def generate(self, orders):
        return [self.change(sample) for sample in super().generate(orders)]


def changed(**changes) -> SpheresBackend:
    backend = Changed({}, RECIPE.grid)
    backend.change = lambda sample: dataclasses.replace(sample, **{k: f(sample) for k, f in changes.items()})
    return backend


def test_a_shard_is_its_files_and_its_record(tmp_path) -> None:
    told = []
    record = maker(tmp_path).make(JOB, on_sample=lambda: told.append(1))
    assert len(told) == len(JOB.rows) == 2
    assert set(record.files) == {store.shard_path(JOB.split, name, JOB.number) for name in SPECS}
    for path, file in record.files.items():
        assert store.hash_file(tmp_path / path) == file
    assert [row["sample_id"] for row in record.rows] == [row.sample_id for row in JOB.rows]
    assert len(list((tmp_path / store.WORK_FOLDER / "shards").iterdir())) == 1
    assert list((tmp_path / store.WORK_FOLDER / "scratch").iterdir()) == []


def test_the_same_shard_again_is_the_same(tmp_path) -> None:
    assert make(tmp_path / "one") == make(tmp_path / "two") == make(tmp_path / "two")


def test_a_run_that_is_stopped_between_samples_commits_nothing(tmp_path) -> None:
    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        maker(tmp_path).make(JOB, on_sample=stop)
    assert not list(tmp_path.rglob("*.json"))
    assert not list(tmp_path.rglob("c.*"))


REFUSED = {
    "a fault": ({"faults": lambda _: ("FOLDED",)}, ("FOLDED",)),
    "a fault hides no other check's work": ({"faults": lambda _: ("FOLDED", "FOV_CUT")}, ("FOLDED", "FOV_CUT")),
    "a measure lacks": ({"measured": lambda _: {}}, ("MISSING",)),
    "a measure is NaN": ({"measured": lambda _: {"radius_mm": np.nan}}, ("NONFINITE",)),
    "a volume lacks": ({"volumes": lambda s: {"image": s.volumes["image"]}}, ("MISSING",)),
    "no image": ({"volumes": lambda s: {**s.volumes, "image": 0 * s.volumes["image"]}}, ("EMPTY",)),
}


@pytest.mark.parametrize(("changes", "reasons"), REFUSED.values(), ids=REFUSED.keys())
def test_what_the_checks_refuse_becomes_a_hole(tmp_path, changes, reasons) -> None:
    record = make(tmp_path, changed(**changes))
    assert record.rows == ()
    assert [each.slot for each in record.rejected] == [row.slot for row in JOB.rows]
    for rejected in record.rejected:
        assert [attempt.reasons for attempt in rejected.attempts] == [reasons] * MOST_ATTEMPTS


def test_each_attempt_has_the_same_conditions_and_another_seed(tmp_path) -> None:
    asked = []

    class Refusing(SpheresBackend):
        def generate(self, orders):
            asked.extend(orders)
            return [dataclasses.replace(sample, faults=("NO",)) for sample in super().generate(orders)]

    make(tmp_path, Refusing({}, RECIPE.grid))
    first = [each for each in asked if each.index == JOB.rows[0].index]
    assert [each.attempt for each in first] == list(range(MOST_ATTEMPTS))
    assert len({each.seed for each in first}) == MOST_ATTEMPTS
    assert all(each.conditions == JOB.rows[0].conditions for each in first)


def nothing(_):
    return []


def one_too_many(sample):
    return [sample, sample]


@pytest.mark.parametrize("answer", [nothing, one_too_many])
def test_a_backend_that_makes_another_number_of_samples(tmp_path, answer) -> None:
    class Other(SpheresBackend):
        def generate(self, orders):
            return answer(super().generate(orders)[0])

    with pytest.raises(GenerationError, match=r"failed at tiny-balls-\d{7} \(attempt 0.*ValueError"):
        make(tmp_path, Other({}, RECIPE.grid))


def test_the_backend_does_not_travel_to_workers() -> None:
    calls = []

    def load():
        calls.append(1)
        return BACKEND

    here = ShardMaker(load=load, specs=SPECS, seed=7, target=None)
    assert here.backend is here.backend
    assert len(calls) == 1
    assert "backend" not in here.__getstate__()
    assert pickle.loads(pickle.dumps(SPECS)) == SPECS
