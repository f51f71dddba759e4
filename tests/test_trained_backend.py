"""Models of `voxpress train`: the contract, whole data sets, conditions with flags, and what goes wrong."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import tiny_diffusion
import tiny_trained as tiny
import torch
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import load_file, save_file
from tiny_factory import contents

pytest.register_assert_rewrite("conformance")

from conformance import BackendConformance, digest, recipe_for  # noqa: E402

import voxpress  # noqa: E402
from voxpress.errors import GenerationError, RecipeError  # noqa: E402
from voxpress.generation.backends.diffusion import LdmBackend, TrainedBackend, loading  # noqa: E402
from voxpress.generation.backends.diffusion.measurer import Measurer, pooled_shape  # noqa: E402
from voxpress.generation.cohort import draw_cohort  # noqa: E402
from voxpress.generation.factory import generate  # noqa: E402
from voxpress.generation.recipe import recipe_from  # noqa: E402
from voxpress.generation.regenerate import regenerate  # noqa: E402


@pytest.mark.timeout(120)
class TestFlowWithGuidance(BackendConformance):
    load = tiny.Load("flow", guidance=2, micro_batch=2)


@pytest.mark.timeout(120)
class TestDiffusionWithoutGuidance(BackendConformance):
    load = tiny.Load("diffusion", micro_batch=3)


def orders(backend, count=3, **fields):
    plan = draw_cohort(recipe_for(backend, **fields), backend)
    return [plan.order(index) for index in range(count)]


def image_of(backend, order):
    return backend.generate([order])[0].volumes["image"]


# --- conditions


def test_every_condition_and_guidance_matter() -> None:
    backend = tiny.backend(tiny.model())
    (one,) = orders(backend, 1)
    sex = "F" if one.conditions["sex"] == "M" else "M"
    others = [{"age": 79.0}, {"sex": sex}, {"ventricular_volume_ml": 89.0}]
    plain = image_of(backend, one)
    for other in others:
        changed = image_of(backend, dataclasses.replace(one, conditions={**one.conditions, **other}))
        assert np.abs(changed - plain).max() > 1e-3
    guided = image_of(tiny.backend(tiny.model(), guidance=3), one)
    assert np.abs(guided - plain).max() > 1e-3


@pytest.mark.parametrize("schedule", tiny.SCHEDULES)
def test_guidance_of_one_is_the_network_alone(schedule) -> None:
    alone, guided = (tiny.backend(tiny.model(schedule), guidance=scale, micro_batch=2) for scale in (0, 1))
    for order in orders(alone, 3):
        assert np.abs(image_of(alone, order) - image_of(guided, order)).max() < 1e-4


@pytest.mark.parametrize("guidance", [0, 2.5])
def test_the_fast_path_makes_the_image_of_the_plain_one(guidance) -> None:
    fast, plain = (tiny.backend(tiny.model(), path=path, guidance=guidance) for path in ("fast", "plain"))
    images = [image_of(backend, orders(backend, 1)[0]) for backend in (fast, plain)]
    assert fast.fingerprint()["path"] == "fast"
    assert np.abs(images[0] - images[1]).max() < 0.01 * np.ptp(images[1])


def test_guided_samples_do_not_see_their_neighbours() -> None:
    backend = tiny.backend(tiny.model(), guidance=2, micro_batch=4)
    assert backend.fingerprint()["micro_batch"] == "4"
    wanted = orders(backend, 6)
    made = [digest(sample) for sample in backend.generate(wanted)]
    assert [digest(sample) for sample in backend.generate(wanted[::-1])] == made[::-1]
    assert len(set(made)) == 6


def test_orders_are_asked_by_the_curve_unless_told_otherwise() -> None:
    """65 ml came out where 60 was asked, so an order of 65 with the curve is an order of 60 without it."""
    by_curve, plain = tiny.backend(tiny.model()), tiny.backend(tiny.model(), calibrate=False)
    (one,) = orders(by_curve, 1)
    at = {ml: dataclasses.replace(one, conditions={**one.conditions, "ventricular_volume_ml": ml}) for ml in (60, 65)}
    wanted = image_of(plain, at[60])
    assert np.array_equal(image_of(by_curve, at[65]), wanted)
    assert not np.array_equal(image_of(plain, at[65]), wanted)
    assert (by_curve.fingerprint()["calibrate"], plain.fingerprint()["calibrate"]) == ("yes", "no")


def test_a_model_without_conditions(tmp_path) -> None:
    fields = tiny.card_fields()
    fields["networks"]["unet"]["arguments"] |= {"in_channels": 2, "with_conditioning": False}
    del fields["networks"]["unet"]["arguments"]["cross_attention_dim"]
    tiny.write_model(tmp_path / "m", networks=fields["networks"], conditions=[], measures=[], condition_dropout=0)
    backend = tiny.backend(tmp_path / "m", micro_batch=2)
    made = {digest(sample) for sample in backend.generate(orders(backend, 3))}
    assert len(made) == 3
    with pytest.raises(RecipeError, match="not trained for guidance"):
        tiny.backend(tmp_path / "m", guidance=2).fingerprint()


# --- what it tells


def test_what_it_measures_is_the_regression_of_the_image() -> None:
    backend = tiny.backend(tiny.model())
    (sample,) = backend.generate(orders(backend, 1))
    measure = next(each for each in backend.measures if each.name == "ventricular_volume_ml")
    assert measure.unit == "ml"
    assert "on 40 real images that it had not seen had r = 0.970 and a mean absolute error of 2.5 ml" in measure.meaning
    measurer = Measurer(
        names=("ventricular_volume_ml",),
        **tiny.regression(),
        pooled_shape=pooled_shape(tiny.SHAPE),
        card=backend.card.image,
    )
    assert {"ventricular_volume_ml": sample.measured["ventricular_volume_ml"]} == measurer.measure(
        sample.volumes["image"]
    )


def test_the_fingerprint_tells_what_the_model_is(tmp_path) -> None:
    told = tiny.backend(tiny.model()).fingerprint()
    assert told["training_data"] == "heads 1.0.0 (sha256 0123)"
    assert told["weights_licence"] == "CC-BY-4.0"
    assert len(told["measures_sha256"]) == 64
    folder = tiny.write_model(tmp_path / "m")
    save_arrays({**tiny.regression(), "bias": np.array([60.0], np.float32)}, folder / "models/measures.safetensors")
    other = tiny.backend(folder).fingerprint()
    assert {name for name in told if told[name] != other[name]} == {"measures_sha256"}


def test_other_families_say_nothing_of_it() -> None:
    told = tiny_diffusion.backend("ldm", str(tiny_diffusion.model("ldm"))).fingerprint()
    assert not {"training_data", "calibrate", "measures_sha256"} & told.keys()


def test_a_data_set_that_is_made_again_exactly(tmp_path) -> None:
    named = {"name": "trained", "weights": str(tiny.model()), "guidance": 1.5, "micro_batch": 2}
    fields = {"name": "tiny-trained", "samples": 5, "shards": {"samples": 3}, "splits": {"train": 1}}
    image = {"shape": tiny.SHAPE, "spacing_mm": tiny.GRID.spacing_mm}
    recipe = recipe_from({**fields, "backend": named, "image": image, "conditions": {"sex": "F"}})
    load = tiny.Load("flow", guidance=1.5, micro_batch=2)
    run = generate(recipe, tmp_path / "one", load=load)
    assert run.manifest.lock["backend"]["training_data"] == "heads 1.0.0 (sha256 0123)"
    cohort = voxpress.open(tmp_path / "one")
    assert cohort.table["sex"].to_pylist() == ["F"] * 5
    # some are far from the order by the regression, and none is refused for it
    assert run.manifest.rejected == ()
    assert run.manifest.lock["backend"]["findings_by_design"] == "FOV_CUT COND_MISMATCH"
    assert len(set(cohort.table["measured_ventricular_volume_ml"].to_pylist())) == 5
    generate(recipe, tmp_path / "two", load=load)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert regenerate(tmp_path / "one", load=load, workers=1).level == "exact"


def test_another_card_can_be_named(tmp_path) -> None:
    card = tmp_path / "other.json"
    card.write_text(json.dumps(tiny.card_fields(name="other", measures=[])))
    assert tiny.backend(tiny.model(), model=str(card)).fingerprint()["model"] == "other"


# --- what goes wrong


def test_a_model_must_be_named() -> None:
    with pytest.raises(RecipeError, match=r"backend\.weights: must be given for the backend 'trained': the folder"):
        TrainedBackend({}, tiny.GRID)
    with pytest.raises(RecipeError, match="names no repository for its model card; give a folder or a repository"):
        tiny.backend("hub")
    with pytest.raises(RecipeError, match=r"backend\.model: must be the path of a model card \(\.json\), got 'brain"):
        TrainedBackend({"model": "brain-ldm"}, tiny.GRID)


def test_a_folder_that_is_no_model(tmp_path) -> None:
    with pytest.raises(RecipeError, match=r"holds no model card, called model\.json"):
        tiny.backend(tmp_path)
    (tmp_path / "model.json").write_text("{")
    with pytest.raises(RecipeError, match=r"model\.json is not well formed"):
        tiny.backend(tmp_path)


def test_a_card_of_another_family(tmp_path) -> None:
    (tmp_path / "model.json").write_text(json.dumps(tiny_diffusion.card_fields("ldm")))
    with pytest.raises(RecipeError, match="must be of the family 'trained', got 'tiny-ldm' of 'ldm'"):
        tiny.backend(tmp_path)
    with pytest.raises(RecipeError, match="must be of the family 'ldm', got 'tiny-trained' of 'trained'"):
        LdmBackend({"model": str(tiny.model() / "model.json")}, tiny.GRID)


@pytest.mark.parametrize("name", ["autoencoder", "unet", "measures"])
def test_files_that_are_cut_off(name, tmp_path) -> None:
    folder = tiny.write_model(tmp_path / "m")
    path = folder / "models" / f"{name}.safetensors"
    path.write_bytes(path.read_bytes()[:-40])
    pins = {} if name == "measures" else {name: loading.hash_weights(path).sha256}
    with pytest.raises(GenerationError, match=f"{name}.safetensors cannot be read.* cut off or damaged"):
        tiny.backend(folder, sha256=pins).fingerprint()
    if pins:
        with pytest.raises(GenerationError, match=f"{name}.safetensors is not the published file"):
            tiny.backend(folder).fingerprint()


def test_weights_of_another_model(tmp_path) -> None:
    folder = tiny.write_model(tmp_path / "m")
    path = folder / "models" / "unet.safetensors"
    save_file({name: tensor + 0.01 for name, tensor in load_file(path).items()}, path)
    with pytest.raises(GenerationError, match="is not the published file: its sha256 must be"):
        tiny.backend(folder).fingerprint()
    path.write_bytes((folder / "models" / "autoencoder.safetensors").read_bytes())
    pins = {"unet": loading.hash_weights(path).sha256}
    with pytest.raises(GenerationError, match=r"are not of this model's DiffusionModelUNet \(\d+ missing"):
        tiny.backend(folder, sha256=pins).fingerprint()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"bias": np.zeros(2, np.float32)}, r"bias must be finite and have the shape \(1,\), got \(2,\)"),
        ({"mean": np.full(4096, np.nan, np.float32)}, "mean must be finite"),
        ({"more": np.zeros(1, np.float32)}, "must hold weights, bias and mean"),
    ],
    ids=["shape", "nan", "names"],
)
def test_measures_of_another_model(changes, said, tmp_path) -> None:
    folder = tiny.write_model(tmp_path / "m")
    save_arrays({**tiny.regression(), **changes}, folder / "models/measures.safetensors")
    with pytest.raises(GenerationError, match=said):
        tiny.backend(folder).fingerprint()


def test_measures_that_are_missing_or_not_the_pinned_ones(tmp_path) -> None:
    folder = tiny.write_model(tmp_path / "m", measures_sha256="0" * 64)
    with pytest.raises(GenerationError, match=r"measures\.safetensors is not the published file"):
        tiny.backend(folder).fingerprint()
    (folder / "models/measures.safetensors").unlink()
    with pytest.raises(RecipeError, match=r"holds no regression of its measures, called models/measures\.safetensors"):
        tiny.backend(folder).fingerprint()


@pytest.mark.parametrize(
    ("conditions", "said"),
    [
        ({"height_cm": 170}, "height_cm"),
        ({"age": 95}, "age"),
        ({"sex": "X"}, "sex"),
    ],
)
def test_orders_that_it_cannot_make(conditions, said) -> None:
    backend = tiny.backend(tiny.model())
    with pytest.raises(RecipeError, match=said):
        orders(backend, conditions=conditions)


def test_guidance_needs_a_model_that_was_trained_without_conditions_too(tmp_path) -> None:
    folder = tiny.write_model(tmp_path / "m", condition_dropout=0)
    with pytest.raises(RecipeError, match=r"must be 0 for 'tiny-trained', which was not trained for guidance, got 2"):
        tiny.backend(folder, guidance=2).fingerprint()


def test_a_model_that_gives_no_numbers_has_finite_measures(tmp_path) -> None:
    folder = tiny.write_model(tmp_path / "m")
    path = folder / "models" / "autoencoder.safetensors"
    tensors = load_file(path)
    tensors["post_quant_conv.conv.bias"][:] = torch.nan
    save_file(tensors, path)
    backend = tiny.backend(folder, path="plain", sha256={"autoencoder": loading.hash_weights(path).sha256})
    (sample,) = backend.generate(orders(backend, 1))
    assert sample.faults == ("NONFINITE",)
    assert np.isfinite(list(sample.measured.values())).all()
