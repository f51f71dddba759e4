"""What becomes of a generated label map: bits, values, sizes, grids, regions, and how it is tidied."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import tiny_labels as tiny
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from monai.data import MetaTensor
from monai.transforms import ResizeWithPadOrCrop, Spacing

from voxpress.errors import RecipeError, UnreachableError
from voxpress.generation.backend import Grid
from voxpress.generation.backends.diffusion import NvRflowBackend
from voxpress.generation.backends.diffusion.labels import LabelCard, load_label_card
from voxpress.generation.backends.diffusion.labels.bit_planes import BITS, to_bit_planes
from voxpress.generation.backends.diffusion.labels.controlnet import steering_planes
from voxpress.generation.backends.diffusion.labels.morphology import closed, dilated, largest_piece
from voxpress.generation.backends.diffusion.labels.regions import region_conditions, region_span
from voxpress.generation.backends.diffusion.labels.resampling import onto_grid
from voxpress.generation.backends.diffusion.labels.sizes import ordered_tumor, size_conditions, size_vector
from voxpress.generation.backends.diffusion.labels.tidying import tidied
from voxpress.generation.backends.diffusion.labels.tumors import without_tumors
from voxpress.generation.backends.diffusion.model_card import load_card
from voxpress.generation.backends.diffusion.networks import build_network, count_parameters
from voxpress.generation.cohort import draw_cohort
from voxpress.generation.recipe import recipe_from

MODELS = ("ddpm-ct", "rflow-ct")
CT = Grid(shape=(256, 256, 256), spacing_mm=(1.5, 1.5, 1.5))
SIZES = (
    "gallbladder_size", "liver_size", "stomach_size", "pancreas_size", "colon_size", "lung_tumor_size",
    "pancreatic_tumor_size", "hepatic_tumor_size", "colon_cancer_primaries_size", "bone_lesion_size",
)  # fmt: skip


def from_bit_planes(planes: torch.Tensor) -> torch.Tensor:
    """`(B, 8, x, y, z)` of zeros and ones → `(B, x, y, z)` uint8: the inverse."""
    weights = 2 ** torch.arange(BITS, device=planes.device)
    return (planes.long() * weights[:, None, None, None]).sum(1).to(torch.uint8)


def card_of(model: str) -> LabelCard:
    return load_label_card(model, load_card(model, "nv-rflow"))


def blocks(shape=(20, 20, 20), **boxes) -> np.ndarray:
    """A body (200) with a margin, and boxes of a value in it: `v28=(low, high)` for all three axes."""
    labels = np.zeros(shape, dtype=np.uint8)
    labels[1:-1, 1:-1, 1:-1] = 200
    for name, (low, high) in boxes.items():
        labels[(slice(low, high),) * 3] = int(name.removeprefix("v"))
    return labels


# --- cards


@pytest.mark.parametrize("model", MODELS)
def test_full_size_networks_can_be_built(model) -> None:
    """On the meta device, so nothing is allocated; the source publishes no numbers of parameters of these."""
    counts = {name: count_parameters(build_network(card)) for name, card in card_of(model).networks.named().items()}
    assert all(count > 10**6 for count in counts.values())
    unet = build_network(load_card(model, "nv-rflow").networks.unet)
    controlnet = build_network(card_of(model).networks.controlnet).state_dict()
    # a ControlNet begins as the copy of the first half of the UNet (`copy_model_state` in the published inference), but
    # for the embedding, which in the UNet has the spacing and the regions too
    shared = {name for name in controlnet if name.startswith(("conv_in.", "down_blocks.", "middle_block."))}
    shared = {name for name in shared if "time_emb_proj" not in name}
    own = unet.state_dict()
    assert shared
    assert all(own[name].shape == controlnet[name].shape for name in shared)


@pytest.mark.parametrize("model", MODELS)
def test_classes_are_those_of_the_published_dictionary(model) -> None:
    """`label_dict_124_to_132.json`: 125 classes, the values that they skip, and some of the names at either end."""
    classes = card_of(model).classes
    values = [value for value, _ in classes]
    assert values == [0, 1, *range(3, 16), 17, 19, *range(22, 116), *range(118, 130), 132, 200]
    names = dict(enumerate(name for _, name in classes))
    spot = {0: "background", 2: "spleen", 15: "portal vein and splenic vein", 16: "small bowel", 21: "hepatic tumor"}
    spot |= {28: "vertebrae L5", 44: "vertebrae T1", 51: "vertebrae C1", 57: "colon", 81: "right rib 12"}
    spot |= {92: "sacrum", 102: "right iliopsoas", 110: "heart", 121: "bone lesion", 123: "airway", 124: "body"}
    assert {number: names[number] for number in spot} == spot


def test_the_mask_generator_as_it_was_published() -> None:
    for model in MODELS:
        card = card_of(model)
        assert tuple(size.name for size in card.sizes) == SIZES
        assert [size.tumor for size in card.sizes] == [None] * 5 + [23, 24, 26, 27, 128]
        assert (card.shape, card.spacing_mm, card.sides) == ((256,) * 3, (1.5,) * 3, (64,) * 3)
        assert (card.preset, card.latent.scale_factor) == ("ddpm1000", 1.0055984258651733)
        assert card.networks.controlnet.files[0] == f"models/controlnet_3d_{model}.pt"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"classes": [[0, "background"], [0, "liver"]]}, "a value of their own"),
        ({"shape": [15, 16, 16]}, "multiples of latent.factor"),
        ({"classes": [[0, "background"], *([number, str(number)] for number in range(129, 253))]}, "tumors of sizes"),
        ({"sizes": [], "classes": [[0, "background"], [200, "body"]]}, r"lack the values \[1, 4, 28, 62\]"),
        ({"latent": {"channels": 3, "factor": 2, "scale_factor": None}}, "latent_channels must be 3, got 2"),
    ],
)
def test_label_cards_that_are_not_well_formed(tmp_path, change, said) -> None:
    shutil.copytree(tiny.model(), tmp_path / "model")
    path = tmp_path / "model" / "card.labels.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(RecipeError, match=f"card.labels.json is not well formed: .*{said}"):
        tiny.backend(tmp_path / "model")


# --- bits


def test_bits_of_every_value() -> None:
    labels = torch.arange(256, dtype=torch.uint8).reshape(1, 16, 4, 4)
    planes = to_bit_planes(labels)
    assert planes.shape == (1, 8, 16, 4, 4)
    assert planes.dtype == torch.float32
    wanted = [[float(digit) for digit in f"{value:08b}"[::-1]] for value in range(256)]
    assert planes.reshape(8, 256).T.tolist() == wanted
    assert torch.equal(from_bit_planes(planes), labels)


def test_what_guidance_leads_away_from_has_no_tumor() -> None:
    sick = blocks(v1=(4, 15), v26=(7, 10))
    plain = steering_planes([sick], guided=False)
    both = steering_planes([sick], guided=True)
    assert torch.equal(both[:1], plain)
    assert np.array_equal(from_bit_planes(both[1:])[0].numpy(), blocks(v1=(4, 15)))


# --- grids


@pytest.mark.parametrize(
    ("spacing", "shape"),
    [((1.3, 1.3, 2.1), (32, 32, 16)), ((1.0, 1.0, 4.0), (24, 24, 24)), ((1.5, 1.5, 1.5), (20, 20, 40))],
)
def test_laid_on_a_grid_as_monai_does(spacing, shape) -> None:
    """Spacings for which no centre lies just between two voxels."""
    labels = np.random.default_rng(0).integers(0, 256, (24, 24, 21)).astype(np.uint8)
    affine = torch.diag(torch.tensor([1.5, 1.5, 1.5, 1.0], dtype=torch.float64))
    made = Spacing(pixdim=spacing, mode="nearest")(MetaTensor(torch.from_numpy(labels)[None].float(), affine=affine))
    wanted = ResizeWithPadOrCrop(spatial_size=shape)(made)[0].numpy().astype(np.uint8)
    found = onto_grid(labels, (1.5, 1.5, 1.5), Grid(shape=shape, spacing_mm=spacing))
    assert found.flags.c_contiguous
    assert np.array_equal(found, wanted)


def test_the_same_grid_changes_nothing() -> None:
    labels = np.random.default_rng(1).integers(0, 256, (8, 9, 10)).astype(np.uint8)
    assert np.array_equal(onto_grid(labels, (1.5, 1.5, 1.5), Grid(shape=(8, 9, 10), spacing_mm=(1.5,) * 3)), labels)


# --- regions


@pytest.mark.parametrize(
    ("values", "span", "told"),
    [
        ([22, 30], (0, 1), {"top_region": "head", "bottom_region": "chest"}),
        ([1, 200], (2, 2), {"top_region": "abdomen", "bottom_region": "abdomen"}),
        ([28, 94], (1, 3), {"top_region": "chest", "bottom_region": "pelvis"}),
        ([200], None, None),
    ],
)
def test_regions(values, span, told) -> None:
    labels = np.array([0, *values], dtype=np.uint8)[:, None, None]
    assert region_span(labels, card_of("ddpm-ct").regions) == span
    if span:
        assert region_conditions(load_card("ddpm-ct", "nv-rflow").conditions, span) == told
        assert region_conditions(load_card("rflow-ct", "nv-rflow").conditions, span) == {}


# --- sizes


def order_of(**conditions):
    backend = NvRflowBackend({"model": "ddpm-ct", "labels": True}, CT)
    fields = {"name": "x", "samples": 40, "backend": "nv-rflow", "conditions": conditions}
    grid = {"shape": list(CT.shape), "spacing_mm": list(CT.spacing_mm)}
    return draw_cohort(recipe_from({**fields, "image": grid}), backend).conditions


def test_sizes_by_default() -> None:
    drawn = order_of()
    assert tuple(drawn) == SIZES, "regions are read from the label map"
    for name in SIZES[:5]:
        assert 0 <= drawn[name].min() < 0.3
        assert 0.7 < drawn[name].max() <= 1
    assert all((drawn[name] == -1).all() for name in SIZES[5:])


def test_one_tumor_at_most() -> None:
    assert (order_of(hepatic_tumor_size=0.4)["bone_lesion_size"] == -1).all()
    with pytest.raises(UnreachableError, match=r"bone_lesion_size: row 0 asks for 0.500, .*reaches -1.000 to -1.000"):
        order_of(hepatic_tumor_size=0.4, bone_lesion_size=0.5)
    with pytest.raises(RecipeError, match="liver_size"):
        order_of(liver_size=1.2)


def test_what_the_mask_generator_is_told() -> None:
    sizes = card_of("rflow-ct").sizes
    assert [condition.name for condition in size_conditions(sizes)] == list(SIZES)
    told = dict.fromkeys(SIZES, 0.25) | {"liver_size": 0.1, "colon_size": -0.3} | dict.fromkeys(SIZES[5:], -1.0)
    vector = size_vector(sizes, told)
    assert vector.shape == (1, 1, 10)
    half = float(np.float16(0.1))
    assert vector[0, 0].tolist() == [0.25, half, 0.25, 0.25, -1, -1, -1, -1, -1, -1]
    assert ordered_tumor(sizes, told) is None
    assert ordered_tumor(sizes, told | {"colon_cancer_primaries_size": 0.0}) == 27


# --- tumors


def test_without_tumors() -> None:
    assert np.array_equal(without_tumors(blocks(v4=(4, 9), v24=(5, 7))), blocks(v4=(4, 9)))
    assert np.array_equal(without_tumors(blocks(v62=(4, 9), v27=(5, 7))), blocks(v62=(4, 9)))
    lung = blocks(v31=(2, 12), v23=(5, 8))
    lung[14:, 14:, 14:] = 30
    assert np.array_equal(without_tumors(lung), np.where(lung == 23, 31, lung))
    far = blocks(v23=(5, 8))
    far[15:17, 15:17, 15:17] = 29
    assert (without_tumors(far)[5:8, 5:8, 5:8] == 29).all()
    bone = blocks(v128=(5, 8))
    assert np.array_equal(without_tumors(bone), bone)


# --- tidying


def test_a_clean_label_map_stays() -> None:
    labels = blocks(v1=(4, 12))
    labels[13:17, 13:17, 13:17] = 3
    assert np.array_equal(tidied(labels, None), labels)


def test_pieces_that_hang_on_nothing_go() -> None:
    labels = blocks((24, 24, 24), v1=(4, 12))
    stray = labels.copy()
    stray[18:20, 18:20, 18:20] = 1
    assert np.array_equal(tidied(stray, None), labels), "a second liver becomes body"
    outside = np.zeros((40, 24, 24), dtype=np.uint8)
    outside[:24] = labels
    wanted = outside.copy()
    outside[30:36, 4:10, 4:10] = 200
    assert np.array_equal(tidied(outside, None), wanted), "a second body becomes background"
    strayed_bowel = blocks((24, 24, 24), v12=(3, 8))
    strayed_bowel[8:12, 3:8, 3:8] = 19
    kept = strayed_bowel.copy()
    strayed_bowel[18:21, 18:21, 18:21] = 62
    assert np.array_equal(tidied(strayed_bowel, None), kept), "a colon apart from all other intestines becomes body"


def test_tumors_that_nobody_ordered_become_organs() -> None:
    assert np.array_equal(tidied(blocks(v1=(3, 13), v26=(6, 9)), None), blocks(v1=(3, 13)))
    assert np.array_equal(tidied(blocks(v128=(6, 9)), None), blocks())
    kept = tidied(blocks(v62=(3, 13), v27=(6, 10)), 27)
    assert np.array_equal(kept, blocks(v62=(3, 13), v27=(6, 10)))


def test_vessels_of_the_liver_become_liver_and_the_airway_stays() -> None:
    labels = blocks(v1=(3, 13), v25=(6, 8))
    labels[15, 15, 2:17] = 132
    made = tidied(labels, None)
    assert (made == 132).sum() == 15
    assert (made[6:8, 6:8, 6:8] == 1).all()


@settings(max_examples=25, deadline=None)
@given(
    arrays(np.uint8, (7, 8, 9), elements=st.sampled_from([0, 1, 3, 19, 23, 24, 25, 26, 27, 30, 40, 62, 128, 132, 200])),
    st.sampled_from([None, 23, 24, 26, 27, 128]),
)
def test_tidying_gives_values_with_names_and_leaves_its_input(labels, tumor) -> None:
    before = labels.copy()
    made = tidied(labels, tumor)
    assert made.dtype == np.uint8
    assert np.array_equal(labels, before)
    assert set(np.unique(made).tolist()) <= set(card_of("rflow-ct").names)
    assert not np.isin(made, sorted({23, 24, 26, 27, 128} - {tumor})).any()


@settings(max_examples=50, deadline=None)
@given(arrays(bool, (6, 7, 8)))
def test_morphology_in_boxes_is_that_of_the_whole_volume(mask) -> None:
    from monai.transforms.utils_morphological_ops import dilate, erode

    def whole(values, function):
        return function(torch.from_numpy(values).float()[None, None], 3, 0.0)[0, 0].numpy().astype(bool)

    assert np.array_equal(dilated(mask), whole(mask, dilate))
    once = whole(whole(mask, dilate), erode)
    assert np.array_equal(closed(mask), whole(whole(once, dilate), erode))
    largest = largest_piece(mask)
    assert not (largest & ~mask).any()
    assert largest.any() == mask.any()
