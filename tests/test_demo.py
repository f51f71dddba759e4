"""The demo, small: it runs through, learns, and reuses what is there."""

from __future__ import annotations

import subprocess
import sys

import pytest
import tiny_brains as tiny
import torch

import voxpress
from voxpress import demo

ARGUMENTS = ("--samples", "4", "--shape", "24,30,26", "--spacing", "6.5,6.5,6.5", "--steps", "3", "--workers", "2")


@pytest.mark.slow
def test_the_demo_runs_through_and_reuses_what_is_there(tmp_path) -> None:
    command = [sys.executable, "-m", "voxpress.demo", "brains", *ARGUMENTS]
    first, again = (
        subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False) for _ in range(2)
    )
    assert first.returncode == 0, first.stderr
    assert again.returncode == 0, again.stderr
    assert "brains/brains is sound" in first.stdout
    assert "PASS by the profile 'demo'" in first.stdout
    assert "step   3 of 3" in first.stdout
    assert "Warning" not in first.stderr
    assert "4/4" in first.stderr
    assert "was finished before" in again.stderr
    assert _losses(again.stdout) == _losses(first.stdout)
    assert {path.name for path in (tmp_path / "brains").iterdir()} == {"brains", "preview.png", "recipe.yaml"}


def test_the_loss_falls_and_the_global_random_state_stays(tmp_path) -> None:
    cohort = voxpress.generate(tiny.RECIPE, tmp_path / "brains", workers=1)
    before = torch.get_rng_state()
    seen = list(demo.losses(cohort, steps=8))
    assert torch.equal(torch.get_rng_state(), before)
    assert len(seen) == 8
    assert sum(seen[-2:]) < sum(seen[:2]) - 0.1


@pytest.mark.parametrize("samples", [1, 16, 100])
def test_the_recipe_of_the_demo_is_one(samples) -> None:
    recipe = voxpress.generation.recipe.parse_recipe(demo.recipe_text(samples, (80, 112, 80), (2, 2, 2)))
    assert recipe.samples == samples
    assert recipe.image.shape == (80, 112, 80)


def test_a_wrong_argument_is_told(capsys) -> None:
    with pytest.raises(SystemExit) as stopped:
        demo.main(["--shape", "80,112"])
    assert stopped.value.code == 2
    assert "must be three numbers, got 80,112" in capsys.readouterr().err


def _losses(output: str) -> list[str]:
    return [line for line in output.splitlines() if line.startswith("step")]
