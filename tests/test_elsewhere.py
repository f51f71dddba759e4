"""Workers of other machines: what they see and have, and whether what they wrote is seen here."""

from __future__ import annotations

import pickle
from functools import partial
from pathlib import Path

import pytest
from tiny_factory import balls, order, press_share

from voxpress import store
from voxpress.errors import GenerationError
from voxpress.generation import elsewhere
from voxpress.generation.elsewhere import SameRun, seen_here
from voxpress.generation.journal import ShardRecord
from voxpress.generation.run_order import read_order
from voxpress.generation.shard_maker import ShardMaker

MAKER = ShardMaker(load=partial(balls, order()), specs={}, seed=7, target=Path("none"))
PATH = "volumes/train.zarr/image/c.0.0.0.0"


@pytest.fixture(autouse=True)
def impatient(monkeypatch) -> None:
    for name in ("_ORDER_PATIENCE_S", "_FILE_PATIENCE_S", "_POLL_S"):
        monkeypatch.setattr(elsewhere, name, 0.01)


@pytest.fixture
def begun(tmp_path):
    """A run that was begun, and the order as its work folder has it."""
    press_share("20/20", tmp_path)
    return tmp_path, read_order(order(), tmp_path, load=partial(balls, order())).words


def test_a_worker_that_sees_the_run_and_has_its_software_begins(begun) -> None:
    target, words = begun
    pickle.loads(pickle.dumps(SameRun(target=target, words=words)))(MAKER)


def test_a_worker_without_the_folder_does_not_begin(begun, tmp_path) -> None:
    _, words = begun
    with pytest.raises(GenerationError, match=r"a worker on .* does not see the run in .*/other: give a folder that"):
        SameRun(target=tmp_path / "other", words=words)(MAKER)


def test_a_worker_that_sees_another_run_does_not_begin(begun) -> None:
    target, words = begun
    with pytest.raises(GenerationError, match="does not see the run"):
        SameRun(target=target, words={**words, "format_version": 99})(MAKER)


def test_a_worker_with_other_software_does_not_begin(begun, monkeypatch) -> None:
    target, words = begun
    there = {**words["lock"], "cohort": {**words["lock"]["cohort"], "numpy": "9.9"}}
    monkeypatch.setattr(elsewhere, "lock_of", lambda backend: there)
    with pytest.raises(GenerationError, match=r"other bytes than this machine \(cohort\.numpy was .*, is 9\.9 here\)"):
        SameRun(target=target, words=words)(MAKER)


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
    assert list(seen_here(iter_of(made, []), tmp_path)) == [made]


@pytest.mark.parametrize(("damage", "said"), [("gone", r"is not here: is"), ("cut", r"is not here but has 3: is")])
def test_what_is_not_seen_here_is_told(tmp_path, damage, said) -> None:
    made = record(tmp_path)
    if damage == "gone":
        (tmp_path / PATH).unlink()
    else:
        (tmp_path / PATH).write_bytes(b"vox")
    with pytest.raises(GenerationError, match=rf"c\.0\.0\.0\.0, which a worker has written with 6 bytes, {said} "):
        list(seen_here(iter_of(made, ended := []), tmp_path))
    assert ended == [True], "the work goes on"
