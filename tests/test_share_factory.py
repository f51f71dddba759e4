"""Array jobs: shares side by side in one folder, killed and resumed, then finished; always the same bytes."""

from __future__ import annotations

import os
import signal

import pytest
from tiny_factory import SAMPLES, SHARDS, committed, contents, finish, order, press, press_share, spawn, until
from tiny_features import Tones
from troubled_backend import Trouble

from voxpress import store
from voxpress.errors import GenerationError, StoreExistsError, StoreNotFoundError

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def started(tmp_path):
    """Starts shares as programs of their own, and ends what is left of them."""
    runs = []

    def start(share: str, **trouble):
        runs.append(spawn(tmp_path / "balls", share=share, trouble=trouble))
        return runs[-1]

    yield start
    for run in runs:
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)
        run.communicate()


@pytest.fixture
def waiting(tmp_path, started):
    """Share 1 of 3 in a process that waits at its sample, for ever."""
    run = started("1/3", kind="wait", at=0, folder=str(tmp_path))
    until(lambda: any(tmp_path.glob("waiting-*")))
    return run


@pytest.mark.parametrize("of", [1, 3, 20])
def test_shares_make_the_bytes_of_a_single_run(pressed_balls, tmp_path, of) -> None:
    runs = [press_share(f"{part}/{of}", tmp_path) for part in range(of, 0, -1)]
    assert sum(run.made for run in runs) == sum(run.samples for run in runs) == SAMPLES
    assert sum(run.shards for run in runs) == SHARDS
    with pytest.raises(StoreNotFoundError, match="unfinished"):
        store.open(tmp_path)
    assert finish(tmp_path).made == 0
    assert contents(tmp_path) == contents(pressed_balls)
    assert finish(tmp_path).made == 0
    assert press_share("1/3", tmp_path).made == 0
    assert contents(tmp_path) == contents(pressed_balls)


def test_side_by_side_killed_and_resumed(pressed_balls, tmp_path, started) -> None:
    target = tmp_path / "balls"
    runs = [started(f"{part}/3", kind="pause") for part in (1, 2, 3)]
    until(lambda: committed(target) >= 3)
    assert all(run.poll() is None for run in runs), "they are not at work at the same time"
    os.killpg(runs[1].pid, signal.SIGKILL)
    for run in (runs[0], runs[2]):
        _, stderr = run.communicate(timeout=60)
        assert run.returncode == 0, stderr
    there = committed(target)
    with pytest.raises(GenerationError, match=r"of 1 of 3 shares: 2\. Make them with\n  press me --shards 2/3    \(\d"):
        finish(target, command="press me")
    assert press_share("2/3", target).made == SAMPLES - there
    finish(target)
    assert contents(target) == contents(pressed_balls)


def test_all_that_is_missing_is_told(tmp_path) -> None:
    press_share("2/40", tmp_path)
    with pytest.raises(GenerationError) as told:
        finish(tmp_path, command="voxpress generate r.yaml -o balls")
    first, *commands, last = str(told.value).splitlines()
    assert first.endswith("is not complete: 7 of 8 shards are missing, of 7 of 40 shares: 1,3-8. Make them with")
    assert commands[0] == "  voxpress generate r.yaml -o balls --shards 1/40    (1 of 1 shards missing)"
    assert len(commands) == 7
    assert last == "and then finish again"
    assert not (tmp_path / "voxpress.json").exists()


def test_nothing_is_finished_where_nothing_was_begun(tmp_path) -> None:
    with pytest.raises(GenerationError, match="8 of 8 shards are missing, and no share was ever begun there"):
        finish(tmp_path / "balls")


def test_a_whole_run_takes_shares_over(pressed_balls, tmp_path) -> None:
    made = press_share("2/3", tmp_path).made
    assert press(order(), tmp_path).made == SAMPLES - made
    assert contents(tmp_path) == contents(pressed_balls)


def test_another_division_goes_on(pressed_balls, tmp_path) -> None:
    made = press_share("2/3", tmp_path).made
    assert made + sum(press_share(f"{part}/2", tmp_path).made for part in (1, 2)) == SAMPLES
    finish(tmp_path)
    assert contents(tmp_path) == contents(pressed_balls)


@pytest.mark.parametrize("work", ["same share", "whole run", "finish"])
def test_what_would_be_in_the_way_is_refused(waiting, tmp_path, work) -> None:
    target = tmp_path / "balls"
    press_share("2/3", target)
    scratch = target / store.WORK_FOLDER / "scratch" / "half"
    scratch.touch()
    refused = {
        "same share": (lambda: press_share("1/3", target), "another run of the share 1/3 is at work"),
        "whole run": (lambda: press(order(), target), r"another run is at work on .* \(shares 1/3\); wait for it"),
        "finish": (lambda: finish(target), r"another run is at work on .* \(shares 1/3\); wait for it"),
    }
    run, said = refused[work]
    with pytest.raises(StoreExistsError, match=said):
        run()
    assert scratch.exists(), "what other shares are writing was thrown away"
    assert waiting.poll() is None


def test_a_share_is_refused_while_a_whole_run_is_at_work(tmp_path) -> None:
    press_share("1/3", tmp_path)
    with store.WorkFolder(tmp_path), pytest.raises(StoreExistsError, match="another run is at work"):
        press_share("2/3", tmp_path)
    assert press_share("2/3", tmp_path).made


def test_shares_of_another_order_are_refused(tmp_path) -> None:
    press_share("1/3", tmp_path)
    before = contents(tmp_path)
    with pytest.raises(StoreExistsError, match="seed: 7 there, seed: 8 ordered"):
        finish(tmp_path, order("seed=8"))
    assert contents(tmp_path) == before


def test_shares_that_begin_at_once_agree_on_the_order(tmp_path, started, pressed_balls) -> None:
    runs = [started(f"{part}/4") for part in (1, 2, 3, 4)]
    for run in runs:
        _, stderr = run.communicate(timeout=60)
        assert run.returncode == 0, stderr
    finish(tmp_path / "balls")
    assert contents(tmp_path / "balls") == contents(pressed_balls)


def test_features_of_shares_are_those_of_a_single_run(tmp_path) -> None:
    extractors = [Tones()]
    press(order(), tmp_path / "one", extractors=extractors)
    for part in (1, 2):
        press_share(f"{part}/2", tmp_path / "two", extractors=extractors)
    finish(tmp_path / "two", extractors=extractors)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_a_share_of_nothing_is_there_at_once(tmp_path) -> None:
    run = press_share("20/20", tmp_path, Trouble(kind="raise", at=0))
    assert (run.shards, run.samples, run.made) == (0, 0, 0)
