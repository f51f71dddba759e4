"""Training as it is run: from NIfTI files on the command line, in several processes, in a sweep under Ray Tune."""

import csv
import json
import os
import subprocess
import sys

import nibabel as nib
import numpy as np
import pytest
import tiny_training as tiny

import voxpress
from voxpress.cli import main
from voxpress.errors import GenerationError
from voxpress.generation.backends.diffusion.model_card import load_card

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def heads(tmp_path_factory):
    return tiny.heads(tmp_path_factory.mktemp("data") / "heads", "samples=30")


@pytest.fixture(scope="module")
def scans(heads, tmp_path_factory):
    """The same heads as scans of people whose intensities mean nothing, and a table with a gap."""
    folder = tmp_path_factory.mktemp("scans")
    cohort = voxpress.open(heads)
    rows = cohort.table.to_pylist()
    with (folder / "people.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("file", "size_mm", "tone"))
        for number, row in enumerate(rows):
            image = cohort.read(number, "image").astype(np.float32) * (50 + number)
            nib.save(nib.Nifti1Image(image, cohort.affine), folder / f"scan{number:02}.nii.gz")
            writer.writerow((f"scan{number:02}.nii.gz", "" if number == 3 else f"{row['size_mm']:.2f}", row["tone"]))
    return folder


def test_scans_with_a_table_become_a_model(scans, tmp_path, capsys):
    model = tmp_path / "model"
    command = ["train", str(scans), "--table", str(scans / "people.csv"), "--key", "file"]
    command += ["--conditions", "size_mm,tone", "--licence", "CC-BY-4.0", "--device", "cpu", "-o", str(model)]
    for change in tiny.SHORT:
        command += ["--set", change]
    assert main(command) == 0
    assert "ordered against measured" in capsys.readouterr().out
    assert not voxpress.open(tmp_path / "model-data").manifest.synthetic
    card = load_card(str(model / "model.json"), "trained")
    assert [each.name for each in card.conditions] == ["size_mm", "tone"]
    assert card.licence.name == "cc-by-4.0"
    assert (card.image.minimum, card.image.maximum) == (0.0, 1.0)
    assert not card.training["synthetic"]


def test_two_processes_train_one_model(heads, tmp_path):
    command = [sys.executable, "-m", "accelerate.commands.launch", "--cpu", "--num_processes", "2", "-m"]
    command += ["voxpress.cli", "train", str(heads), "-o", str(tmp_path / "model"), "--device", "cpu"]
    for change in tiny.SHORT:
        command += ["--set", change]
    done = subprocess.run(
        command, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert load_card(str(tmp_path / "model" / "model.json"), "trained").conditions
    with (tmp_path / "model" / "logs" / "autoencoder.csv").open(newline="") as file:
        steps = [row["step"] for row in csv.DictReader(file) if row["name"] == "loss"]
    assert len(steps) == len(set(steps)) == 30


SWEEP = """
search:
  generator.learning_rate: {grid: [1.0e-3, 2.0e-3]}
plan:
  device: cpu
  judged: 8
  autoencoder: {steps: 20}
  generator: {steps: 10, batch_size: 8}
at_once: 1
"""


def test_a_sweep_ranks_its_experiments_and_repeats_none(heads, tmp_path, capsys):
    file = tmp_path / "sweep.yaml"
    file.write_text(SWEEP)
    command = ["train", str(heads), "--sweep", str(file), "-o", str(tmp_path / "sweep")]
    assert main(command) == 0
    assert "best model" in capsys.readouterr().out
    with (tmp_path / "sweep" / "sweep.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    assert {json.loads(row["generator.learning_rate"]) for row in rows} == {1e-3, 2e-3}
    assert float(rows[0]["rank"]) <= float(rows[1]["rank"])
    cards = sorted((tmp_path / "sweep" / "experiments").glob("*/model.json"))
    assert len(cards) == 2
    before = [card.stat().st_mtime_ns for card in cards]
    assert main(command) == 0
    assert [card.stat().st_mtime_ns for card in cards] == before


def test_a_sweep_in_which_all_fails_says_why(heads, tmp_path):
    from voxpress.training import sweep

    file = tmp_path / "sweep.yaml"
    file.write_text(SWEEP.replace("device: cpu", "device: cuda"))
    with pytest.raises(GenerationError, match=r"all 2 experiments failed; the first one: .*no CUDA device"):
        sweep(heads, tmp_path / "sweep", file)


def test_options_of_one_training_are_refused_in_a_sweep(heads, tmp_path, capsys):
    file = tmp_path / "sweep.yaml"
    file.write_text(SWEEP)
    command = ["train", str(heads), "--sweep", str(file), "-o", str(tmp_path / "sweep"), "--seed", "4"]
    assert main(command) == 2
    assert "--seed is for one training" in capsys.readouterr().err
