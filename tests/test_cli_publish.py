"""`voxpress publish` and `voxpress fetch` as they are typed."""

from __future__ import annotations

import os
import signal
import time

import pytest
from command_line import start
from loopback_hub.users import WRITER
from published_stores import carded
from quality_reports import reported
from tiny_factory import contents
from tiny_people import HUMAN_TEXT

from voxpress import store

pytestmark = pytest.mark.timeout(120)


def test_published_and_fetched(say, loopback_hub, tiny_store, tmp_path) -> None:
    reported(tiny_store)
    unsaid = say("publish", tiny_store, "org/brains", "--dry-run", "--token", WRITER)
    assert unsaid.code == 2
    assert "made a card" in unsaid.err
    assert "Intended use: it still has the text of a template" in unsaid.err
    (tmp_path / "human.yaml").write_text(HUMAN_TEXT)
    filled = say("card", tiny_store, "--human", tmp_path / "human.yaml")
    assert filled.code == 0, filled.err
    shown = say("publish", tiny_store, "org/brains", "--dry-run", "--token", WRITER)
    assert shown.code == 0, shown.err
    assert "voxpress.json" in shown.out
    files = len(contents(tiny_store))
    assert f"{files} of {files} files would be sent" in shown.out
    assert not loopback_hub.repository("org/brains").exists
    done = say("publish", tiny_store, "org/brains", "--private")
    assert done.code == 0, done.err
    digest = store.open(tiny_store).manifest.digest
    assert f"org/brains@v1.0.0: tiny-brains 1.0.0, {files} files" in done.out
    assert f"digest {digest}" in done.out
    assert f"{files}/{files} files" in done.err
    assert WRITER not in shown.out + shown.err + done.out + done.err
    again = say("publish", tiny_store, "org/brains")
    assert "was published before; there was nothing to do" in again.err
    fetched = say("fetch", "org/brains@v1.0.0", "-o", tmp_path / "copy")
    assert fetched.code == 0, fetched.err
    assert f"digest {digest} (the same as the source)" in fetched.out
    assert contents(tmp_path / "copy") == contents(tiny_store)
    assert "was fetched before" in say("fetch", "org/brains@v1.0.0", "-o", tmp_path / "copy").err
    part = say("fetch", "org/brains", "-o", tmp_path / "ad", "--where", "diagnosis == 'AD'", "--splits", "train")
    assert part.code == 0, part.err
    assert f"(fetched from {digest})" in part.out
    assert say("verify", tmp_path / "ad").code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("publish", "{store}", "brains"), "must be org/name on the Hub"),
        (("publish", "{store}", "./shelf", "--tag", "v3.0.0"), "is not that of version 1.0.0"),
        (("publish", "{store}", "./shelf", "--private"), "only a repository on the Hub is made private"),
        (("publish", "nowhere", "./shelf"), "there is nothing at 'nowhere'"),
        (("fetch", "{store}", "-o", "copy", "--splits", "dev"), "there is no split dev"),
        (("fetch", "nowhere", "-o", "copy"), "nowhere"),
    ],
)
def test_mistakes_are_told(say, tiny_store, tmp_path, monkeypatch, arguments, said) -> None:
    monkeypatch.chdir(tmp_path)
    done = say(*(str(each).replace("{store}", str(carded(tiny_store))) for each in arguments))
    assert done.code == 2
    assert said in done.err
    assert {path.name for path in tmp_path.iterdir()} == {"tiny-brains"}


def test_a_process_that_is_stopped_says_how_to_go_on(loopback_hub, tiny_store, tmp_path) -> None:
    """A whole process, stopped by Ctrl-C and then killed, each in the middle of sending."""
    carded(tiny_store)
    environment = loopback_hub.environment(tmp_path / "home")
    for blow in (signal.SIGINT, signal.SIGKILL):
        loopback_hub.storage.reset()
        loopback_hub.storage.delay_s = 2.0
        process = start("publish", tiny_store, "org/brains", env=environment)
        end = time.monotonic() + 60
        while not loopback_hub.storage._busy and time.monotonic() < end:
            time.sleep(0.01)
        os.kill(process.pid, blow)
        loopback_hub.storage.delay_s = 0.0
        _, err = process.communicate(timeout=60)
        if blow == signal.SIGINT:
            assert process.returncode == 130, err
            assert "stopped; run the same command again to resume" in err
            assert "Traceback" not in err
        else:
            assert process.returncode == -signal.SIGKILL
        assert not [path for path in loopback_hub.repository("org/brains").read("main").files if path[0] != "."]
    process = start("publish", tiny_store, "org/brains", env=environment)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "org/brains@v1.0.0" in out
    assert store.open("org/brains").manifest.digest == store.open(tiny_store).manifest.digest
