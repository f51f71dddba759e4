"""The command line: `generate`, `recipe`, and what holds for all commands."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

import pytest
import tiny_brains as tiny
from command_line import apart, start

import voxpress
from voxpress import cli
from voxpress.generation.recipe import parse_recipe


def test_generate_makes_a_sound_data_set_and_says_what_is_next(generated) -> None:
    target, said = generated
    assert said.code == 0, said.err
    digest = voxpress.open(target).manifest.digest
    assert "tiny-brains 1.0.0, 6 samples (train 5, validation 1), " in said.out
    assert f"digest {digest}" in said.out
    assert f"voxpress verify {target}" in said.out
    assert voxpress.verify(target).ok
    assert (target / "README.md").exists()


def test_generate_shows_what_is_being_done(generated) -> None:
    _, said = generated
    assert "preparing atlas" in said.err
    assert re.search(r"making: 100%.* 6/6 \[.*samples", said.err)


def test_generate_on_a_finished_data_set_makes_nothing(say, recipe, brains) -> None:
    before = {path: path.read_bytes() for path in brains.rglob("*") if path.is_file()}
    said = say("generate", recipe, "-o", brains)
    assert said.code == 0
    assert "was finished before; there was nothing to make" in said.err
    assert {path: path.read_bytes() for path in brains.rglob("*") if path.is_file()} == before


def test_generate_orders_without_a_file(say, tmp_path) -> None:
    said = say(
        "generate",
        "-o",
        tmp_path / "b",
        "--samples",
        2,
        "--seed",
        3,
        "--set",
        "sex=F",
        "--set",
        "age=70:72",
        *tiny.SETS,
    )
    assert said.code == 0
    cohort = voxpress.open(tmp_path / "b")
    assert cohort.table["sex"].to_pylist() == ["F", "F"]
    assert all(70 <= age <= 72 for age in cohort.table["age"].to_pylist())
    assert parse_recipe((tmp_path / "b" / "recipe.yaml").read_text()).seed == 3


def test_the_example_recipe_is_made_end_to_end(say, tmp_path) -> None:
    (tmp_path / "example.yaml").write_text(say("recipe", "--example").out)
    said = say("generate", tmp_path / "example.yaml", "-o", tmp_path / "b", "--samples", 2, "--workers", 1, *tiny.SETS)
    assert said.code == 0
    assert voxpress.verify(tmp_path / "b").ok
    assert len(voxpress.open(tmp_path / "b")) == 2


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="sends signals to a group of processes")
@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_says_how_to_resume_and_resuming_gives_the_same(workers, recipe, brains, tmp_path) -> None:
    target = tmp_path / "brains"
    process = start("generate", recipe, "-o", target, "--workers", workers, start_new_session=True)
    while process.poll() is None and not list(target.glob(".voxpress-work/shards/*.json")):
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert err.endswith("voxpress: stopped; run the same command again to resume\n")
    assert "Traceback" not in err
    assert not (target / "voxpress.json").exists()
    said = apart("generate", recipe, "-o", target)
    assert said.code == 0
    assert re.search(r"[24] of 6 samples are there; making the others", said.err)
    assert voxpress.open(target).manifest.digest == voxpress.open(brains).manifest.digest


def test_recipe_prints_an_example_that_is_a_recipe(say) -> None:
    said = say("recipe", "--example")
    assert said.code == 0
    assert parse_recipe(said.out).name == "elderly-brains"
    assert "# " in said.out


def test_recipe_prints_the_whole_recipe_and_its_cohort_as_comments(say, recipe) -> None:
    said = say("recipe", recipe, "--set", "sex=F")
    assert said.code == 0
    assert parse_recipe(said.out) == parse_recipe(tiny.TEXT, sets=["sex=F"])
    assert "# 6 samples: train 5, validation 1; 4 shards" in said.out
    assert re.search(r"# sex +F 6 ", said.out)
    assert re.search(r"# tiny-brains-0000004 +\w+ +\d\d", said.out)
    assert "tiny-brains-0000005" not in said.out


def test_recipe_example_takes_nothing_else(say, recipe) -> None:
    for more in ([recipe], ["--set", "age=3"], ["--samples", 0]):
        assert say("recipe", "--example", *more).code == 2


def test_the_version(say) -> None:
    assert say("--version").out == f"voxpress {voxpress.__version__}\n"


@pytest.mark.parametrize("command", ["generate", "recipe", "sample", "info", "verify", "preview", "recode", "bench"])
def test_every_command_is_in_the_help_and_has_its_own(say, command) -> None:
    assert re.search(rf"^ +{command} +\w+", say("--help").out, re.MULTILINE)
    assert say(command, "--help").code == 0
    assert callable(import_module(f"voxpress.commands.{command}").run)


def test_no_command_is_a_mistake(say) -> None:
    assert say().code == 2


def test_a_reader_that_has_seen_enough_gets_no_traceback(brains) -> None:
    with start("info", brains, "--json") as process:
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_output_that_cannot_be_written_is_told() -> None:
    command = [sys.executable, "-m", "voxpress.cli", "recipe", "--example"]
    with Path("/dev/full").open("w") as full:
        said = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert said.returncode == 1
    assert said.stderr == "voxpress: [Errno 28] No space left on device\n"


def test_a_bug_is_not_hidden(monkeypatch, brains) -> None:
    monkeypatch.setattr("voxpress.commands.info._lines", lambda cohort: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cli.main(["info", str(brains)])
