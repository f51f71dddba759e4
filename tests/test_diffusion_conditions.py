"""What can be ordered, what the networks get of it, and which grids are refused."""

from __future__ import annotations

import numpy as np
import pytest
import tiny_diffusion as tiny
import torch

from voxpress.errors import RecipeError, UnreachableError
from voxpress.generation.backend import Grid
from voxpress.generation.backends.diffusion import LdmBackend, NvRflowBackend
from voxpress.generation.backends.diffusion.conditioning import both_ways, encode, is_extrapolated
from voxpress.generation.backends.diffusion.maisi import Maisi, maisi_inputs
from voxpress.generation.backends.diffusion.measures import MEASURES, measure, otsu_thresholds
from voxpress.generation.backends.diffusion.model_card import ImageCard, load_card
from voxpress.generation.cohort import draw_cohort
from voxpress.generation.recipe import recipe_from

BRAIN = Grid(shape=(160, 224, 160), spacing_mm=(1.0, 1.0, 1.0))
MR = Grid(shape=(256, 256, 128), spacing_mm=(0.94, 0.94, 1.36))
CT = Grid(shape=(512, 512, 128), spacing_mm=(0.8, 0.8, 2.5))
CARD = load_card("brain-ldm", "ldm")


def cohort(backend, **conditions):
    grid = {"shape": list(backend.grid.shape), "spacing_mm": list(backend.grid.spacing_mm)}
    order = {"name": "x", "samples": 3, "backend": backend.name, "image": grid, "conditions": conditions}
    return draw_cohort(recipe_from(order), backend)


def test_the_brain_model_as_it_was_published() -> None:
    """Female 0, male 1; the rest from the least of the training data to the most (Pinaya et al. 2022)."""
    by_name = {card.name: card for card in CARD.conditions}
    assert list(by_name) == ["sex", "age", "ventricular_volume_ml", "normalised_brain_volume_ml"]
    assert [encode(by_name["sex"], sex) for sex in "FM"] == [0, 1]
    assert [encode(by_name["age"], age) for age in (44, 63, 82)] == [0, 0.5, 1]
    assert encode(by_name["ventricular_volume_ml"], (6995.68 + 0.25 * 164379.32) / 1000) == pytest.approx(0.25)
    assert encode(by_name["normalised_brain_volume_ml"], (1144240 + 0.75 * 649670) / 1000) == pytest.approx(0.75)


def test_its_affine_is_that_of_the_first_release_turned_to_ras() -> None:
    """The release cropped 5 voxels at the low ends of x and y, and ran from right to left."""
    released = np.array([[-1, 0, 0, 96.48149872], [0, 1, 0, -141.47715759], [0, 0, 1, -156.55375671], [0, 0, 0, 1]])
    affine = LdmBackend({}, BRAIN).affine
    for voxel in ((0, 0, 0), (100, 40, 7)):
        uncropped = [159 - (voxel[0] + 5), voxel[1] + 5, voxel[2]]
        assert affine @ [*uncropped, 1] == pytest.approx(released @ [*voxel, 1], abs=1e-6)


def test_outside_the_training_range() -> None:
    backend = LdmBackend({}, BRAIN)
    for name, value in (("age", 83), ("age", 43.9), ("ventricular_volume_ml", 172), ("sex", "X")):
        with pytest.raises(UnreachableError, match=name):
            cohort(backend, **{name: value})
    wider = LdmBackend({"extrapolate": True}, BRAIN)
    assert cohort(wider, age=100).conditions["age"].tolist() == [100] * 3
    for name, value in (("age", 117), ("age", 24), ("ventricular_volume_ml", 400)):
        with pytest.raises(UnreachableError, match=name):
            cohort(wider, **{name: value})


def test_extrapolation_is_told_row_by_row() -> None:
    inside = {"sex": "F", "age": 70.0, "ventricular_volume_ml": 30.0, "normalised_brain_volume_ml": 1500.0}
    assert not is_extrapolated(CARD.conditions, inside)
    assert is_extrapolated(CARD.conditions, inside | {"age": 82.01})
    assert [each.name for each in LdmBackend({"extrapolate": True}, BRAIN).measures][-1] == "extrapolated"
    assert "extrapolated" not in [each.name for each in LdmBackend({}, BRAIN).measures]


def test_conditions_go_both_ways() -> None:
    seen = {}

    def unet(x, timesteps, context):
        seen.update(x=x, timesteps=timesteps, context=context)
        return x[:, :3]

    vector = torch.tensor([[0.0, 0.1, 0.2, 0.3], [1.0, 0.5, 0.6, 0.7]])
    latents = torch.rand(2, 3, 2, 3, 4)
    both_ways(unet, vector)(latents, 980.0)
    assert torch.equal(seen["x"][:, :3], latents)
    assert torch.equal(seen["x"][:, 3:], vector[:, :, None, None, None].expand(2, 4, 2, 3, 4))
    assert torch.equal(seen["context"], vector[:, None])
    assert seen["timesteps"].tolist() == [980, 980]


# --- NV-Generate


def test_contrasts_of_the_brain_model_of_nvidia() -> None:
    (contrast,) = load_card("rflow-mr-brain", "nv-rflow").conditions
    assert contrast.choices["SWI"] == 20
    rows = [{"contrast": "T1w"}, {"contrast": "FLAIR-stripped"}]
    inputs = maisi_inputs([contrast], rows, (0.94, 0.94, 1.36))
    assert inputs["class_labels"].tolist() == [9, 31]
    assert inputs["spacing_tensor"].tolist() == [[94, 94, 136]] * 2
    with pytest.raises(UnreachableError, match="contrast"):
        cohort(NvRflowBackend({}, MR), contrast="PET")


def test_body_regions_of_the_ddpm() -> None:
    cards = load_card("ddpm-ct", "nv-rflow").conditions
    inputs = maisi_inputs(cards, [{"top_region": "chest", "bottom_region": "pelvis"}], (1.0, 1.0, 0.75))
    assert inputs["top_region_index_tensor"].tolist() == [[0, 100, 0, 0]]
    assert inputs["bottom_region_index_tensor"].tolist() == [[0, 0, 0, 100]]
    assert "class_labels" not in inputs


def test_guidance_leads_away_from_no_class() -> None:
    def unet(x, timesteps, class_labels, spacing_tensor):
        assert len(x) == len(timesteps) == len(class_labels) == len(spacing_tensor)
        return x * class_labels[:, None, None, None, None]

    inputs = {"class_labels": torch.tensor([9, 11]), "spacing_tensor": torch.ones(2, 3)}
    latents = torch.ones(2, 1, 1, 1, 1)
    assert Maisi(unet=unet, inputs=inputs, guidance=0.0)(latents, 1.0).flatten().tolist() == [9, 11]
    assert Maisi(unet=unet, inputs=inputs, guidance=2.0)(latents, 1.0).flatten().tolist() == [18, 22]


SOUND = [
    (LdmBackend, {}, BRAIN),
    (NvRflowBackend, {}, MR),
    (NvRflowBackend, {"model": "rflow-mr"}, Grid(shape=(128, 256, 256), spacing_mm=(1.25, 1.0, 1.0))),
    (NvRflowBackend, {"model": "rflow-ct"}, CT),
    (NvRflowBackend, {"model": "ddpm-ct"}, Grid(shape=(512, 512, 512), spacing_mm=(1.0, 1.0, 1.0))),
    (NvRflowBackend, {"any_field_of_view": True}, Grid(shape=(128, 128, 128), spacing_mm=(0.5, 0.5, 0.5))),
]


@pytest.mark.parametrize(("make", "options", "grid"), SOUND)
def test_grids_that_models_know(make, options, grid) -> None:
    backend = make(options, grid)
    assert np.diag(backend.affine)[:3].tolist() == list(grid.spacing_mm)


REFUSED = [
    (LdmBackend, {}, Grid(shape=(160, 224, 168), spacing_mm=(1.0, 1.0, 1.0)), "160×224×160 for 'brain-ldm'"),
    (LdmBackend, {}, Grid(shape=(160, 224, 161), spacing_mm=(1.0, 1.0, 1.0)), "multiples of 8"),
    (LdmBackend, {}, Grid(shape=(160, 224, 160), spacing_mm=(2.0, 2.0, 2.0)), "trained at it"),
    (NvRflowBackend, {}, Grid(shape=(256, 256, 192), spacing_mm=(1.0, 1.0, 1.0)), "n×n×128"),
    (NvRflowBackend, {}, Grid(shape=(256, 128, 128), spacing_mm=(1.0, 1.0, 1.0)), "n×n×128"),
    (NvRflowBackend, {}, Grid(shape=(256, 256, 128), spacing_mm=(0.94, 0.94, 9.0)), "from 0.4 to 5"),
    (NvRflowBackend, {}, Grid(shape=(128, 128, 128), spacing_mm=(0.5, 0.5, 0.5)), "64×64×64 mm .* far from"),
    (NvRflowBackend, {"model": "rflow-ct"}, Grid(shape=(256, 512, 128), spacing_mm=(1.5,) * 3), "n×n×m"),
    (NvRflowBackend, {"model": "rflow-ct"}, Grid(shape=(512, 512, 128), spacing_mm=(0.8, 0.9, 2.5)), r"\[a, a, b\]"),
    (
        NvRflowBackend,
        {"model": "rflow-ct"},
        Grid(shape=(256, 256, 256), spacing_mm=(0.5,) * 3),
        "128×128×128 mm .* far",
    ),
]


@pytest.mark.parametrize(("make", "options", "grid", "said"), REFUSED)
def test_grids_that_they_do_not(make, options, grid, said) -> None:
    with pytest.raises(RecipeError, match=said):
        make(options, grid)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"pets": 1}, "backend.pets: is not a field here"),
        ({"micro_batch": 0}, "backend.micro_batch"),
        ({"micro_batch": True}, "backend.micro_batch"),
        ({"precision": "fp16", "device": "tpu"}, "backend.precision.*; backend.device"),
        ({"model": "rflow-ct"}, "must be brain-ldm"),
        ({"sha256": {"vae": "0"}}, "backend.sha256"),
    ],
)
def test_options_that_are_wrong(options, said) -> None:
    with pytest.raises(RecipeError, match=said):
        LdmBackend(options, BRAIN)


def test_declaring_needs_no_weights_but_making_does() -> None:
    backend = LdmBackend({}, BRAIN)
    assert len(cohort(backend).conditions) == 4
    with pytest.raises(RecipeError, match=r"backend.weights: must be given .* MONAI/brain_image_synthesis"):
        backend.fingerprint()


def test_guidance_of_a_model_that_has_none(tmp_path) -> None:
    options = tiny.write_model(tmp_path, "ldm")
    with pytest.raises(RecipeError, match=r"backend\.guidance: must be 0 for 'tiny-ldm'"):
        LdmBackend({**options, "guidance": 3}, tiny.GRID).fingerprint()


# --- measures


def test_otsu_finds_three_classes() -> None:
    values = np.concatenate([np.full(500, 0.1), np.full(300, 0.5), np.full(200, 0.9)])
    values += np.random.default_rng(0).normal(0, 0.02, values.size)
    low, high = otsu_thresholds(values.astype(np.float32))
    assert 0.15 < low < 0.45 < 0.55 < high < 0.85


@pytest.mark.parametrize("values", [np.full(5, 0.3), np.array([0.1])])
def test_otsu_of_one_value(values) -> None:
    low, high = otsu_thresholds(values.astype(np.float32))
    assert low <= high


def test_measures_of_a_picture_that_is_known() -> None:
    card = ImageCard(minimum=0, maximum=2, background=0, floor=0)
    image = np.zeros((30, 30, 30), dtype=np.float32)
    image[3:27, 3:27, 3:27] = 1.0
    image[3:27, 3:27, 3:9] = 1.8
    image[13:17, 13:17, 13:17] = 0.2
    image[3:5, 3:5, 20:22] = 0.2
    found = measure(image, card, voxel_ml=0.001)
    assert set(found) == {each.name for each in MEASURES}
    assert found["foreground_volume_ml"] == pytest.approx(24**3 / 1000)
    assert found["dark_volume_ml"] == pytest.approx((64 + 8) / 1000)
    assert found["central_dark_volume_ml"] == pytest.approx(64 / 1000)
    assert found["bright_volume_ml"] == pytest.approx(24 * 24 * 6 / 1000)
    assert found["foreground_mean"] == pytest.approx(image[image > 0].mean() / 2)
    assert set(measure(image * 0, card, 0.001).values()) == {0.0}
