"""Scaled-down CT models that make label maps: the contract, whole data sets, and what goes wrong on the way."""

from __future__ import annotations

import dataclasses
import shutil

import numpy as np
import pytest
import tiny_diffusion
import tiny_labels as tiny
import torch
from monai.networks.schedulers import DDPMScheduler
from tiny_factory import contents

pytest.register_assert_rewrite("conformance")

from conformance import BackendConformance, digest, recipe_for  # noqa: E402

import voxpress  # noqa: E402
from voxpress.errors import GenerationError, RecipeError  # noqa: E402
from voxpress.generation.backends.diffusion import LdmBackend, NvRflowBackend, loading  # noqa: E402
from voxpress.generation.backends.diffusion.labels import maker  # noqa: E402
from voxpress.generation.backends.diffusion.noise import standard_normal  # noqa: E402
from voxpress.generation.backends.diffusion.schedules import END, variance_preserving  # noqa: E402
from voxpress.generation.backends.diffusion.solvers import Ddpm  # noqa: E402
from voxpress.generation.cohort import draw_cohort  # noqa: E402
from voxpress.generation.factory import generate  # noqa: E402
from voxpress.generation.recipe import recipe_from  # noqa: E402
from voxpress.generation.regenerate import regenerate  # noqa: E402

MODELS = ("rflow-ct", "ddpm-ct")


@pytest.mark.timeout(180)
class TestRflowCt(BackendConformance):
    load = tiny.Lazy("rflow-ct", micro_batch=2)


def orders(backend, count=3, **conditions):
    plan = draw_cohort(recipe_for(backend, conditions=conditions), backend)
    return [plan.order(index) for index in range(count)]


def changed(folder, name, change):
    """A copy of the small model in which the weights of one network are others."""
    shutil.copytree(tiny.model(), folder)
    path = folder / "models" / f"{name}.pt"
    content = torch.load(path)
    torch.save(change(content), path)
    return folder


@pytest.mark.parametrize("name", MODELS)
def test_a_sample_does_not_see_its_neighbours(name) -> None:
    backend = tiny.backend(tiny.model(name), micro_batch=3)
    wanted = orders(backend, 5)
    made = [digest(sample) for sample in backend.generate(wanted)]
    shuffled = [4, 0, 2, 1, 3]
    assert [digest(sample) for sample in backend.generate([wanted[i] for i in shuffled])] == [made[i] for i in shuffled]
    assert len(set(made)) == 5


def test_background_is_what_has_no_label() -> None:
    backend = tiny.backend(tiny.model())
    for sample in backend.generate(orders(backend)):
        image, label = (sample.volumes[name] for name in ("image", "label"))
        assert 0.1 < (label == 0).mean() < 0.9
        assert (image[label == 0] == -1000).all()
        assert (image[label != 0] > -1000).mean() > 0.5


def test_sizes_and_seeds_change_the_label_and_the_label_the_image() -> None:
    backend = tiny.backend(tiny.model())
    (one,) = orders(backend, 1)
    others = [
        dataclasses.replace(one, seed=one.seed + 1),
        dataclasses.replace(one, conditions={**one.conditions, "liver_size": -1.0}),
    ]
    first, *rest = [sample.volumes for sample in backend.generate([one, *others])]
    for volumes in rest:
        assert (volumes["label"] != first["label"]).any()
        inside = (volumes["label"] != 0) & (first["label"] != 0)
        assert (volumes["image"] != first["image"])[inside].any()


def test_the_label_map_alone_steers_the_image() -> None:
    backend = tiny.backend(tiny.model())
    engine = backend._loaded().engine
    (one,) = orders(backend, 1)
    maps = [np.full(engine.grid.shape, value, dtype=np.uint8) for value in (1, 3)]
    latents = [engine.latents([one], [each]) for each in maps]
    assert (latents[0] - latents[1]).abs().max() > 1e-3


@pytest.mark.parametrize("name", MODELS)
def test_a_step_is_that_of_the_published_inference(name) -> None:
    """`run_controlnet_conditioned_image_dm` of NV-Generate, call by call."""
    backend = tiny.backend(tiny.model(name), path="plain")
    engine = backend._loaded().engine
    labels = np.full(engine.grid.shape, 200, dtype=np.uint8)
    labels[3:9, 3:9, 3:9] = 28
    labels[10:13, 3:9, 3:9] = 132
    regions = {"top_region": "chest", "bottom_region": "abdomen"} if name == "ddpm-ct" else {"contrast": "CT"}
    predict, _ = engine.predictor([regions], [labels])
    latents = torch.linspace(-1, 1, 2 * 8**3).reshape(1, 2, 8, 8, 8)
    found = predict(latents, 700.0)
    bits = torch.from_numpy(labels).long()[None, None]
    planes = bits.unsqueeze(-1).bitwise_and(2 ** torch.arange(8)).ne(0).squeeze(1).permute(0, 4, 1, 2, 3).float()
    classes = {} if name == "ddpm-ct" else {"class_labels": torch.tensor([1])}
    down, middle = engine.networks.controlnet(
        x=latents, timesteps=torch.tensor([700.0]), controlnet_cond=planes, **classes
    )
    told = {"spacing_tensor": torch.full((1, 3), 200.0), **classes}
    if name == "ddpm-ct":
        told["top_region_index_tensor"] = torch.tensor([[0.0, 100, 0, 0]])
        told["bottom_region_index_tensor"] = torch.tensor([[0.0, 0, 100, 0]])
    wanted = engine.networks.unet(
        x=latents,
        timesteps=torch.tensor([700.0]),
        down_block_additional_residuals=down,
        mid_block_additional_residual=middle,
        **told,
    )
    assert torch.equal(found, wanted)


def test_a_label_map_is_that_of_the_published_inference(monkeypatch) -> None:
    """MONAI's own inferer and scheduler, told of no noise but that of the start: after one step of DDPM to the end."""
    backend = tiny.backend(tiny.model())
    own = backend._loaded().label_maker
    (one,) = orders(backend, 1)
    scheduler = DDPMScheduler(
        num_train_timesteps=1000, beta_start=0.0015, beta_end=0.0195, schedule="scaled_linear_beta", clip_sample=False
    )
    solver = Ddpm(variance_preserving(own.card.schedule), ((0.0, END),))
    latent = dataclasses.replace(own, solver=solver)._latent(one)
    noise = torch.from_numpy(standard_normal(one.seed, "mask/latent", (2, 8, 8, 8)))[None]
    sizes = [one.conditions[size.name] for size in own.card.sizes]
    context = torch.FloatTensor(sizes).unsqueeze(0).unsqueeze(0).half().float()
    predicted = own.unet(noise, timesteps=torch.tensor([0.0]), context=context)
    wanted, _ = scheduler.step(predicted, 0, noise)
    assert torch.allclose(latent, wanted, atol=1e-5)
    # from the latent on, without the tidying: softmax, argmax, values
    monkeypatch.setattr(maker, "tidied", lambda labels, tumor: labels)
    grid = dataclasses.replace(tiny_diffusion.GRID, spacing_mm=(1.5, 1.5, 1.5))
    made = dataclasses.replace(own, solver=solver, grid=grid).make(one).values
    classes = torch.softmax(own.autoencoder.decode_stage_2_outputs(latent / 0.8), 1).argmax(1)[0].numpy()
    values = np.array([value for value, _ in own.card.classes], dtype=np.uint8)
    assert np.array_equal(made, values[classes])


@pytest.mark.parametrize("guidance", [0.0, 3.0])
def test_a_controlnet_of_zeros_changes_nothing(tmp_path, guidance) -> None:
    """Its last convolutions begin so: every residual is 0."""

    def of_zeros(content):
        tensors = content["controlnet_state_dict"]
        zero = {name: tensors[name] * 0 for name in tensors if name.startswith("controlnet_")}
        return content | {"controlnet_state_dict": tensors | {n: t for n, t in zero.items() if "cond" not in n}}

    folder = changed(tmp_path / "model", "controlnet", of_zeros)
    backend = tiny.backend(folder, guidance=guidance)
    wanted = orders(backend, 1)
    loaded = backend._loaded()
    steered = loaded.engine.latents(wanted, [loaded.label_maker.make(wanted[0]).values])
    plain = NvRflowBackend(tiny.options(folder, guidance=guidance) | {"labels": False}, tiny_diffusion.GRID)
    assert torch.equal(steered, plain._loaded().engine.latents(wanted))
    loading._kept.clear()


def test_guidance_leads_from_the_body_without_its_tumor() -> None:
    backend = tiny.backend(tiny.model(), guidance=3.0, path="plain")
    engine = backend._loaded().engine
    (one,) = orders(backend, 1)
    label = np.full(engine.grid.shape, 1, dtype=np.uint8)
    sick = label.copy()
    sick[4:9, 4:9, 4:9] = 26
    predictions = {}
    for guidance in (0.0, 1.0, 3.0):
        engine.guidance = guidance
        predict, _ = engine.predictor([one.conditions], [sick])
        predictions[guidance] = predict(torch.ones(1, *engine.latent_shape), 500.0)
    loading._kept.clear()
    assert torch.allclose(predictions[1.0], predictions[0.0], atol=1e-5)
    assert (predictions[3.0] - predictions[0.0]).abs().max() > 1e-3


@pytest.mark.parametrize("name", MODELS)
def test_the_fast_path_makes_the_sample_of_the_plain_one(name) -> None:
    fast, plain = (tiny.backend(tiny.model(name), path=path) for path in ("fast", "plain"))
    (one,) = orders(fast, 1)
    volumes = [backend.generate([one])[0].volumes for backend in (fast, plain)]
    assert fast.fingerprint()["path"] == "fast"
    assert np.array_equal(volumes[0]["label"], volumes[1]["label"])
    assert np.abs(volumes[0]["image"] - volumes[1]["image"]).max() < 0.01 * np.ptp(volumes[0]["image"])


def test_low_precision_is_close() -> None:
    low, full = (tiny.backend(tiny.model(), precision=precision) for precision in ("bf16", "fp32"))
    (one,) = orders(full, 1)
    volumes = [backend.generate([one])[0].volumes for backend in (low, full)]
    assert low.fingerprint()["precision"] == "bf16"
    assert np.array_equal(volumes[0]["label"], volumes[1]["label"])
    assert np.corrcoef(volumes[0]["image"].ravel(), volumes[1]["image"].ravel())[0, 1] > 0.98


# --- whole data sets


def recipe_of(folder, **options):
    fields = {"name": "tiny-ct", "samples": 4, "shards": {"samples": 2}, "splits": {"train": 1}}
    named = {"name": "nv-rflow", **tiny.options(folder, **options)}
    return recipe_from(
        {**fields, "backend": named, "image": {"shape": [16, 16, 16], "spacing_mm": [2, 2, 2], "dtype": "int16"}}
    )


@pytest.mark.parametrize("name", MODELS)
def test_a_data_set(tmp_path, name) -> None:
    folder = tiny.model(name)
    load = tiny.load_of(folder, micro_batch=2)
    recipe = recipe_of(folder, micro_batch=2)
    run = generate(recipe, tmp_path / "one", load=load)
    assert run.manifest.rejected == ()
    lock = run.manifest.lock["backend"]
    assert {"weights_controlnet_sha256", "weights_mask_autoencoder_sha256", "weights_mask_unet_sha256"} <= lock.keys()
    assert lock["mask_solver_times"] == "750>500 500>250 250>0 0>-1"
    cohort = voxpress.open(tmp_path / "one")
    image, label = cohort.specs["image"], cohort.specs["label"]
    assert np.array_equal(image.affine, label.affine)
    assert label.labels[26] == "hepatic tumor"
    assert len(label.labels) == 125
    sample = cohort[3]
    assert sample["image"].shape == sample["label"].shape == (16, 16, 16)
    assert sample["label"].dtype == np.uint8
    assert {"liver_size", "hepatic_tumor_size"} <= set(cohort.table.column_names)
    assert "top_region" not in cohort.table.column_names
    generate(recipe, tmp_path / "two", load=load)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert regenerate(tmp_path / "one", load=load, workers=1).level == "exact"


def test_images_alone_are_what_they_were() -> None:
    """The same bits and the same lock as of a model that has no networks for label maps."""
    folder = tiny.model()
    with_networks = NvRflowBackend(tiny.options(folder) | {"labels": False}, tiny_diffusion.GRID)
    told = dict(with_networks.fingerprint())
    assert not {name for name in told if "mask" in name or "label" in name or "controlnet" in name}
    assert [output.name for output in with_networks.outputs] == ["image"]
    assert [condition.name for condition in with_networks.conditions] == ["contrast"]


# --- what goes wrong


def test_models_without_networks_for_label_maps_are_refused() -> None:
    grid = dataclasses.replace(tiny_diffusion.GRID, shape=(256, 256, 128), spacing_mm=(0.94, 0.94, 1.36))
    with pytest.raises(RecipeError, match=r"labels: must be false for 'rflow-mr-brain'.*have them: ddpm-ct, rflow-ct"):
        NvRflowBackend({"labels": True}, grid)
    brain = dataclasses.replace(tiny_diffusion.GRID, shape=(160, 224, 160), spacing_mm=(1.0, 1.0, 1.0))
    with pytest.raises(RecipeError, match="labels: must be false for 'brain-ldm'"):
        LdmBackend({"labels": True}, brain)


def test_a_label_card_of_another_model(tmp_path) -> None:
    tiny.write_model(tmp_path / "model", model="rflow-ct")
    shutil.copy(tiny.model("ddpm-ct") / "card.labels.json", tmp_path / "model" / "card.labels.json")
    with pytest.raises(RecipeError, match="must be of 'tiny-rflow-ct' with 2 latent channels, is of 'tiny-ddpm-ct'"):
        tiny.backend(tmp_path / "model")


@pytest.mark.parametrize("name", ["controlnet", "mask_autoencoder", "mask_unet"])
def test_weights_that_are_missing_damaged_or_of_another_network(tmp_path, name) -> None:
    shutil.copytree(tiny.model(), tmp_path / "model")
    path = tmp_path / "model" / "models" / f"{name}.pt"
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(GenerationError, match="cut off or damaged"):
        tiny.backend(tmp_path / "model").fingerprint()
    shutil.copy(tmp_path / "model" / "models" / "unet.pt", path)
    with pytest.raises(GenerationError, match=r"are not of this model's .*missing"):
        tiny.backend(tmp_path / "model").fingerprint()
    path.unlink()
    with pytest.raises(RecipeError, match=f"holds no weights of the {name}, called models/{name}.pt"):
        tiny.backend(tmp_path / "model").fingerprint()
    # images alone need none of them
    NvRflowBackend(tiny.options(tmp_path / "model") | {"labels": False}, tiny_diffusion.GRID).fingerprint()


def test_weights_that_are_not_the_pinned_ones() -> None:
    own = tiny.backend(tiny.model()).fingerprint()["weights_mask_unet_sha256"]
    tiny.backend(tiny.model(), sha256={"mask_unet": own}).fingerprint()
    with pytest.raises(GenerationError, match=r"its sha256 must be 0{64}, is"):
        tiny.backend(tiny.model(), sha256={"mask_unet": "0" * 64}).fingerprint()


def test_other_weights_are_told_by_their_digest(tmp_path) -> None:
    before = tiny.backend(tiny.model()).fingerprint()
    folder = changed(
        tmp_path / "model", "mask_autoencoder", lambda c: {name: value * 1.01 for name, value in c.items()}
    )
    after = tiny.backend(folder).fingerprint()
    assert {name for name in before if before[name] != after[name]} == {"weights_mask_autoencoder_sha256"}


def test_the_solver_of_label_maps() -> None:
    folder = tiny.model()
    assert tiny.backend(folder, mask_preset="dpmpp2m-3").fingerprint()["mask_solver"] == "dpmpp2m-3"
    with pytest.raises(RecipeError, match=r"backend.mask_preset: the steps of 'ddpm7' must divide the 1000"):
        tiny.backend(folder, mask_preset="ddpm7").fingerprint()
    alone = NvRflowBackend(tiny.options(folder, mask_preset="ddpm4") | {"labels": False}, tiny_diffusion.GRID)
    with pytest.raises(RecipeError, match="mask_preset: goes with labels: true"):
        alone.fingerprint()


def test_a_tumor_that_did_not_come_out_is_told(monkeypatch) -> None:
    backend = tiny.backend(tiny.model())
    wanted = orders(backend, 2, hepatic_tumor_size=0.5)
    monkeypatch.setattr(maker, "tidied", lambda labels, tumor: np.where(labels == tumor, 1, labels).astype(np.uint8))
    assert [sample.faults for sample in backend.generate(wanted)] == [("UNREACHED",)] * 2


def test_a_mask_generator_that_gives_no_numbers(tmp_path) -> None:
    def of_nothing(content):
        content["unet_state_dict"]["out.2.conv.bias"][:] = torch.nan
        return content

    backend = tiny.backend(changed(tmp_path / "model", "mask_unet", of_nothing))
    (sample,) = backend.generate(orders(backend, 1))
    assert "NONFINITE" in sample.faults
    assert np.isfinite(sample.volumes["image"]).all()


def test_a_body_without_any_region_is_told(monkeypatch) -> None:
    backend = tiny.backend(tiny.model("ddpm-ct"))
    monkeypatch.setattr(maker, "tidied", lambda labels, tumor: np.full_like(labels, 200))
    (sample,) = backend.generate(orders(backend, 1))
    assert sample.faults == ("UNREACHED",)
    assert np.isfinite(sample.volumes["image"]).all()
