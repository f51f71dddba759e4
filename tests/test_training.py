"""A model is trained on a small data set, stopped and resumed, generates, and is audited against what it learned."""

import csv
import json
import os

import numpy as np
import pytest
import tiny_training as tiny
import torch
from torch import nn

import voxpress
from voxpress.errors import RecipeError, StoreExistsError
from voxpress.generation.backends.diffusion.model_card import load_card
from voxpress.generation.levels import Level
from voxpress.training.intensities import Intensities
from voxpress.training.measures import pooled_rows

pytestmark = pytest.mark.timeout(900)
RECIPE = """
name: more-heads
samples: 6
seed: 3
backend: {name: trained, weights: WEIGHTS}
image: {shape: [16, 16, 16], spacing_mm: [12, 12, 12]}
conditions: {size_mm: {range: [62, 78]}, tone: {choice: [dark, bright]}}
splits: {train: 1}
shards: {samples: 3}
"""


@pytest.fixture(scope="module")
def heads(tmp_path_factory):
    return tiny.heads(tmp_path_factory.mktemp("data") / "heads")


@pytest.fixture(scope="module")
def model(heads, tmp_path_factory):
    return tiny.train(heads, tmp_path_factory.mktemp("models") / "model", budget=tiny.LONG).folder


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """Too few heads for an audit, so that a training soon ends."""
    return tiny.heads(tmp_path_factory.mktemp("few") / "heads", "samples=30")


@pytest.fixture(scope="module")
def short(few, tmp_path_factory):
    """A training that ends before anything is learned."""
    return tiny.train(few, tmp_path_factory.mktemp("short") / "model").folder


@pytest.fixture(scope="module")
def made(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    recipe = folder / "recipe.yaml"
    recipe.write_text(RECIPE.replace("WEIGHTS", str(model)))
    return voxpress.generate(recipe, folder / "more", workers=1)


def logged(model, stage, name):
    with (model / "logs" / f"{stage}.csv").open(newline="") as file:
        return {int(row["step"]): float(row["value"]) for row in csv.DictReader(file) if row["name"] == name}


class Fogged(nn.Module):
    """An autoencoder that adds a haze to what it is given."""

    def __init__(self, haze):
        super().__init__()
        self.haze = nn.Parameter(torch.tensor(haze))

    def encode(self, volumes):
        return volumes, volumes

    def decode(self, latents):
        return latents + self.haze


def test_a_measure_sees_volumes_as_the_decoder_gives_them(few):
    cohort, intensities = voxpress.open(few), Intensities(minimum=0.0, maximum=1.0, unit="arbitrary")
    card = intensities.card().model_copy(update={"floor": 0.0})
    rows = pooled_rows(cohort, intensities, card)
    assert np.allclose(pooled_rows(cohort, intensities, card, Fogged(0.0)), rows, atol=1e-3)
    fogged = pooled_rows(cohort, intensities, card, Fogged(0.05))
    assert (fogged.min(axis=1) > rows.min(axis=1) + 0.01).all()
    # the haze is below the floor of a card, and samples have none
    cleaned = pooled_rows(cohort, intensities, intensities.card(), Fogged(0.05))
    assert np.allclose(cleaned.min(axis=1), 0.0)


def test_both_networks_learn(model):
    first = logged(model, "autoencoder", "loss")
    assert list(first) == list(range(3, 601, 3))
    assert np.mean(list(first.values())[-20:]) < 0.6 * np.mean(list(first.values())[:20])
    second = list(logged(model, "generator", "loss").values())
    assert np.mean(second[-20:]) < np.mean(second[:20])


def test_the_card_tells_what_was_learned_and_from_what(model, heads):
    card = load_card(str(model / "model.json"), "trained")
    assert [each.name for each in card.conditions] == ["size_mm", "tone"]
    assert list(card.conditions[1].choices) == ["bright", "dark"]
    assert card.latent.factor == 4
    assert card.training["training_data"].endswith(voxpress.open(heads).manifest.digest)
    assert (card.training["subjects"], card.training["held_out"]) == (35, 24)
    report = json.loads((model / "training.json").read_bytes())
    assert [measure["name"] for measure in report["measures"]] == ["size_mm"]
    # an autoencoder of so few steps gives back little of the size, and a measure is fitted to that too
    assert report["measures"][0]["r"] > 0.7
    assert report["fidelity"]["size_mm"]["samples"] == 8
    assert report["not_audited"] == ""
    # set metrics want 30 samples; what needs fewer is there
    assert all(score["value"] is not None for score in report["scores"])
    assert (model / "samples.png").stat().st_size > 1000
    assert not (model / ".voxpress-work").exists()


def test_what_shows_subjects_is_private(model):
    assert (model / "audit").stat().st_mode & 0o077 == 0
    assert list((model / "audit").glob("autoencoder-*.png"))
    assert not list(model.glob("*.npy"))


def test_the_model_makes_a_data_set_with_measures(made):
    assert len(made) == 6
    assert set(made.measures) >= {"measured_size_mm", "measured_foreground_volume_ml"}
    assert "size_mm" in made.conditions
    assert made.manifest.lock["backend"]["training_data"].startswith("heads 1.0.0 ")


def test_the_data_set_is_made_again_exactly(made, tmp_path):
    again = voxpress.regenerate(made.path, tmp_path / "again", workers=1)
    assert again.level is Level.EXACT


def test_what_was_made_is_audited_against_the_training_set(made, model):
    done = voxpress.audit(made.path, train=model)
    scores = {score.id: score for score in done.audit.scores}
    assert scores["audit.positive_control"].value is not None
    assert scores["audit.copy_excess"].value is not None


def test_a_finished_training_is_not_repeated(few, short):
    before = (short / "models" / "unet.safetensors").stat().st_mtime_ns
    done = tiny.train(few, short)
    assert done.finished_before
    assert (short / "models" / "unet.safetensors").stat().st_mtime_ns == before


def test_another_plan_does_not_overwrite_a_model(few, short):
    with pytest.raises(StoreExistsError, match=r"another finished model.*generator\.steps has 20 there, 21 ordered"):
        tiny.train(few, short, "generator.steps=21")


class StopError(Exception):
    """Raised in the middle of a training."""


def train_until(stage, step, source, target):
    """A training that stops after a step of a stage."""

    def stop(doing, done, _):
        if (doing, done) == (stage, step):
            raise StopError

    with pytest.raises(StopError):
        tiny.train(source, target, progress=stop)


@pytest.mark.parametrize(("stage", "step"), [("autoencoder", 7), ("generator", 1), ("generator", 11)])
def test_a_training_that_was_stopped_ends_with_the_same_weights(few, short, tmp_path, monkeypatch, stage, step):
    monkeypatch.setattr("voxpress.training.stage._KEEP_S", -1.0)

    target = tmp_path / "model"
    train_until(stage, step, few, target)
    tiny.train(few, target, name="model")
    for name in ("autoencoder", "unet"):
        file = f"models/{name}.safetensors"
        assert (target / file).read_bytes() == (short / file).read_bytes()
    assert logged(target, stage, "loss") == logged(short, stage, "loss")


def test_a_damaged_checkpoint_is_told(few, tmp_path, monkeypatch):
    monkeypatch.setattr("voxpress.training.stage._KEEP_S", -1.0)

    train_until("autoencoder", 2, few, tmp_path / "model")
    kept = tmp_path / "model" / ".voxpress-work" / "autoencoder.checkpoint"
    kept.write_bytes(kept.read_bytes()[:1000])
    with pytest.raises(voxpress.CorruptError, match=r"autoencoder\.checkpoint is damaged.*remove it"):
        tiny.train(few, tmp_path / "model")


def test_a_checkpoint_with_code_in_it_is_refused(few, tmp_path, monkeypatch):
    monkeypatch.setattr("voxpress.training.stage._KEEP_S", -1.0)

    train_until("autoencoder", 2, few, tmp_path / "model")

    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "owned"),)

    torch.save({"step": 1, "parts": Evil()}, tmp_path / "model" / ".voxpress-work" / "autoencoder.checkpoint")
    with pytest.raises(voxpress.CorruptError):
        tiny.train(few, tmp_path / "model")
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"conditions": ["size_m"]}, r"no column 'size_m'.*did you mean 'size_mm'"),
        ({"preset": "tiny"}, r"--preset must be auto, small, medium, large, got 'tiny'"),
        ({"table": "people.csv"}, r"--table, --grid and --key are for a folder of NIfTI files"),
        ({"plan": "missing.yaml"}, r"missing\.yaml cannot be read"),
        ({"device": "cuda"}, r"no CUDA device here"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_written(few, tmp_path, options, message):
    with pytest.raises(RecipeError, match=message):
        voxpress.train(few, tmp_path / "model", **options)
    assert not (tmp_path / "model" / "models").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("generator.steps=0", r"generator\.steps: Input should be greater than or equal to 1, got 0"),
        ("generator.stepz=10", r"generator\.stepz: is not a field here.*did you mean 'steps'"),
        ("generator.attention=false,false", "attention must be true at some level"),
        ("generator.channels=32,64,64,64", r"attention must have one value a level, 4, got 2"),
        ("autoencoder.channels=8,8,8", r"each side must be a multiple of 32"),
        ("autoencoder.patch=6,6,6", r"autoencoder\.patch: each side must be a multiple of 4"),
        ("nonsense", r"--set must be name=value"),
    ],
)
def test_a_plan_that_cannot_be_names_the_field(few, tmp_path, change, message):
    with pytest.raises(RecipeError, match=message):
        voxpress.train(few, tmp_path / "model", sets=[change])


def test_too_few_subjects_are_told(tmp_path):
    nine = tiny.heads(tmp_path / "nine", "samples=9")
    with pytest.raises(RecipeError, match="has 5 volumes to train on and 4 that are held out"):
        tiny.train(nine, tmp_path / "model")


def test_diffusion_with_a_discriminator_on_patches(few, tmp_path):
    sets = (
        "generator.method=diffusion",
        "generator.preset=dpmpp2m-4",
        "generator.steps=2",
        "autoencoder.adversarial_weight=0.01",
        "autoencoder.adversarial_after=0",
        "autoencoder.patch=12,12,12",
        "autoencoder.steps=4",
    )
    done = tiny.train(few, tmp_path / "model", *sets)
    assert logged(done.folder, "autoencoder", "told_apart").keys() == {1, 2, 3, 4}
    assert load_card(str(done.folder / "model.json"), "trained").schedule.kind == "scaled_linear"


def test_tensorboard_files_are_written(few, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    done = tiny.train(few, tmp_path / "model", "autoencoder.steps=3", "generator.steps=2", tensorboard=True)
    events = EventAccumulator(str(done.folder / "logs" / "tensorboard"))
    events.Reload()
    assert [event.step for event in events.Scalars("autoencoder/loss")] == [1, 2, 3]
