"""Workers of other machines: what they have, and how what they make comes here."""

from __future__ import annotations

import pickle
from functools import partial
from pathlib import Path

import pytest
from tiny_factory import SAMPLES, balls, committed, contents, order, press, press_share
from troubled_backend import Trouble

from voxpress import store
from voxpress.errors import GenerationError
from voxpress.generation import elsewhere
from voxpress.generation.elsewhere import MakerAnywhere, brought_here
from voxpress.generation.journal import Journal, ShardRecord
from voxpress.generation.run_order import read_order
from voxpress.generation.shard_maker import ShardMaker
from voxpress.quality.features.copy_dct import CopyDct

MAKER = ShardMaker(load=partial(balls, order()), specs={}, seed=7, target=Path("none"))
PATH = "volumes/train.zarr/image/c.0.0.0.0"


@pytest.fixture(autouse=True)
def impatient(monkeypatch) -> None:
    for name in ("_ORDER_PATIENCE_S", "_FILE_PATIENCE_S", "_POLL_S"):
        monkeypatch.setattr(elsewhere, name, 0.01)


class OtherMachine:
    """An engine whose workers have the target under another path, or do not have it."""

    def __init__(self, path: Path, words=None) -> None:
        self.path, self.words = path, words

    def run(self, maker, jobs, *, on_sample, needs, ready):
        there = pickle.loads(pickle.dumps(maker))
        ready(there)
        there.maker.target, there.words = self.path, self.words or there.words
        for job in jobs:
            yield pickle.loads(pickle.dumps(there.make(job, on_sample=lambda: on_sample(1))))


@pytest.mark.parametrize("extractors", [(), (CopyDct(),)])
def test_workers_without_the_folder_send_what_they_make(tmp_path, extractors) -> None:
    press(order(), tmp_path / "one", extractors=extractors)
    press(order(), tmp_path / "other", extractors=extractors, engine=OtherMachine(tmp_path / "nowhere"))
    assert contents(tmp_path / "other") == contents(tmp_path / "one")
    assert any("features" in name for name in contents(tmp_path / "other")) == bool(extractors)
    assert not (tmp_path / "nowhere").exists()


def test_workers_that_see_another_run_leave_it_alone(pressed_balls, tmp_path) -> None:
    press_share("1/20", tmp_path / "stranger")
    before = contents(tmp_path / "stranger")
    press(order(), tmp_path / "balls", engine=OtherMachine(tmp_path / "stranger", words={"format_version": 99}))
    assert contents(tmp_path / "balls") == contents(pressed_balls)
    assert contents(tmp_path / "stranger") == before


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_of_this_machine_send_nothing(monkeypatch, tmp_path, workers) -> None:
    monkeypatch.setattr(elsewhere, "write_atomic", None)
    press(order(), tmp_path, workers=workers)


def test_a_run_that_was_sent_goes_on(pressed_balls, tmp_path) -> None:
    with pytest.raises(GenerationError):
        press(order(), tmp_path, Trouble(kind="raise", at=9), engine=OtherMachine(tmp_path / "nowhere"))
    there = committed(tmp_path)
    assert 0 < there < SAMPLES
    assert press(order(), tmp_path).made == SAMPLES - there
    assert contents(tmp_path) == contents(pressed_balls)


def test_a_worker_with_other_software_does_not_begin(monkeypatch) -> None:
    words = read_order(order(), load=partial(balls, order())).words
    there = {**words["lock"], "cohort": {**words["lock"]["cohort"], "numpy": "9.9"}}
    monkeypatch.setattr(elsewhere, "lock_of", lambda backend: there)
    with pytest.raises(GenerationError, match=r"other bytes than this machine \(cohort\.numpy was .*, is 9\.9 here\)"):
        MakerAnywhere(MAKER, words).check()


def record(target) -> ShardRecord:
    file = store.write_atomic(target / PATH, b"voxels", scratch=target)
    return ShardRecord(split="train", number=0, files={PATH: file}, rows=(), rejected=())


def iter_of(made, ended):
    try:
        yield made
    finally:
        ended.append(True)


def test_what_is_seen_here_passes(tmp_path) -> None:
    made = record(tmp_path)
    assert list(brought_here(iter_of(made, []), Journal(tmp_path))) == [made]


@pytest.mark.parametrize(("damage", "said"), [("gone", r"is not here: is"), ("cut", r"is not here but has 3: is")])
def test_what_is_not_seen_here_is_told(tmp_path, damage, said) -> None:
    made = record(tmp_path)
    if damage == "gone":
        (tmp_path / PATH).unlink()
    else:
        (tmp_path / PATH).write_bytes(b"vox")
    with pytest.raises(GenerationError, match=rf"c\.0\.0\.0\.0, which a worker has written with 6 bytes, {said} "):
        list(brought_here(iter_of(made, ended := []), Journal(tmp_path)))
    assert ended == [True], "the work goes on"
