"""What a card of a trained model may say, how its conditions become vectors, packing, pooling and fresh networks."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tiny_diffusion
import tiny_trained as tiny
import torch
from scipy import ndimage

from voxpress.errors import RecipeError
from voxpress.generation.backends.diffusion.conditioning import encode, flagged, guided, with_null
from voxpress.generation.backends.diffusion.measurer import pooled, pooled_shape
from voxpress.generation.backends.diffusion.model_card import ImageCard, ModelCard, load_card, vector_length
from voxpress.generation.backends.diffusion.networks import build_network, new_network
from voxpress.generation.backends.diffusion.packing import depth_to_space, space_to_depth

CARD = ModelCard.model_validate(tiny.card_fields())
AGE, SEX, VENTRICLES = CARD.conditions


# --- vectors


def test_a_vector_has_a_flag_for_each_number_and_one_of_k_for_words() -> None:
    row = {"age": 35.0, "sex": "M", "ventricular_volume_ml": 110.0}
    assert flagged(CARD.conditions, row) == [0.25, 1, 0, 1, 1, 1]
    assert flagged(CARD.conditions, {**row, "age": 20.0}) == [0, 1, 0, 1, 1, 1]
    assert vector_length(CARD.conditions) == 6


def test_what_is_not_told_is_zeros_that_no_order_gives() -> None:
    assert flagged(CARD.conditions, {}) == [0] * 6
    assert flagged(CARD.conditions, {"age": None, "sex": "F"}) == [0, 0, 1, 0, 0, 0]


@pytest.mark.parametrize(
    ("ordered", "asked"),
    [
        (20.0, 10.0),
        (65.0, 60.0),
        (42.5, 35.0),
        (95.0, 110.0),
        (80.0, 85.0),
        (101.0, 120.0),  # by the slope of the last segment
        (11.0, 0.0),  # … and of the first
        (2.0, -10.0),
    ],
)
def test_the_inverse_of_the_curve_is_asked(ordered, asked) -> None:
    assert encode(VENTRICLES, ordered, calibrate=True) == pytest.approx((asked - 10) / 100)
    assert encode(VENTRICLES, ordered) == pytest.approx((ordered - 10) / 100)


def test_calibration_does_not_lead_far_outside() -> None:
    flat = VENTRICLES.model_copy(update={"calibration": ((10.0, 55.0), (110.0, 65.0))})
    assert encode(flat, 20.0, calibrate=True) == -0.25
    assert encode(flat, 100.0, calibrate=True) == 1.25
    # an order that is itself outside stays there
    assert encode(flat, 170.0, calibrate=True) == pytest.approx(1.6)
    assert encode(AGE, 50.0, calibrate=True) == 0.5


def test_guidance_leads_away_from_no_conditions() -> None:
    vector = with_null(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    assert vector.tolist() == [[1, 2], [3, 4], [0, 0], [0, 0]]
    predict = guided(lambda latents, time: latents * time + vector.sum(1)[:, None], 3)
    assert predict(torch.ones(2, 1), 0.5).tolist() == [[0.5 + 9], [0.5 + 21]]


# --- packing


@pytest.mark.parametrize("side", [1, 2, 3])
def test_packing_is_undone_exactly(side) -> None:
    volumes = torch.arange(2 * 6 * 12 * 18, dtype=torch.float32).reshape(2, 1, 6, 12, 18)
    packed = space_to_depth(volumes, side)
    assert packed.shape == (2, side**3, 6 // side, 12 // side, 18 // side)
    assert torch.equal(depth_to_space(packed, side), volumes)


def test_the_channel_of_a_voxel() -> None:
    packed = space_to_depth(torch.arange(64.0).reshape(1, 1, 4, 4, 4), 2)
    # voxel (2 + 1, 0 + 0, 2 + 1) is number (1, 0, 1) of the block (1, 0, 1)
    assert packed[0, 5, 1, 0, 1] == 3 * 16 + 0 * 4 + 3


def test_what_cannot_be_packed() -> None:
    with pytest.raises(ValueError, match="multiples of 2"):
        space_to_depth(torch.zeros(1, 1, 3, 4, 4), 2)
    with pytest.raises(ValueError, match="one channel"):
        space_to_depth(torch.zeros(1, 2, 4, 4, 4), 2)
    with pytest.raises(ValueError, match="need 8 channels, got 4"):
        depth_to_space(torch.zeros(1, 4, 4, 4, 4), 2)


# --- pooling


def test_blocks_divide_the_grid() -> None:
    assert pooled_shape((160, 224, 160)) == (32, 32, 32)
    assert pooled_shape((48, 16, 182)) == (24, 16, 26)


def test_a_gain_of_the_whole_image_cancels() -> None:
    card = ImageCard(minimum=0, maximum=1, background=0, floor=0.01)
    image = np.random.default_rng(0).uniform(0.1, 0.5, (64, 32, 48)).astype(np.float32)
    image[:20] = 0
    one, brighter = pooled(image, (32, 32, 24), card), pooled(image * 2, (32, 32, 24), card)
    assert one.shape == (32 * 32 * 24,)
    assert one == pytest.approx(brighter, rel=1e-6)
    blocks = image.reshape(32, 2, 32, 1, 24, 2).mean(axis=(1, 3, 5), dtype=np.float64)
    wanted = ndimage.gaussian_filter(blocks / blocks[10:].mean(), 1.0)
    assert one.reshape(32, 32, 24) == pytest.approx(wanted, abs=1e-5)
    assert (pooled(image * 0, (32, 32, 24), card) == 0).all()


def test_values_count_from_the_minimum() -> None:
    card = ImageCard(minimum=-1000, maximum=1000, background=-1000, floor=-900)
    image = np.full((8, 8, 8), -1000, np.float32)
    image[:4], image[4:6] = 0, 200
    wanted = ndimage.gaussian_filter(np.repeat([1000.0, 1200.0, 0.0], (4, 2, 2)) / (6400 / 6), 1.0)
    assert pooled(image, (8, 8, 8), card).reshape(8, 8, 8)[:, 3, 3] == pytest.approx(wanted, abs=1e-5)


# --- fresh networks


def test_fresh_weights_are_those_of_their_seed_and_leave_the_generator_alone() -> None:
    state = torch.get_rng_state()
    one, same, other = (new_network(CARD.networks.unet, seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), state)
    names = {name for name, tensor in one.state_dict().items() if not torch.equal(tensor, other.state_dict()[name])}
    assert names
    assert all(torch.equal(tensor, same.state_dict()[name]) for name, tensor in one.state_dict().items())
    assert one.state_dict().keys() == build_network(CARD.networks.unet).state_dict().keys()
    assert one.training
    assert all(parameter.requires_grad for parameter in one.parameters())
    # as MONAI begins: what it gives is 0
    assert not one.out[2].conv.weight.any()


def test_a_fresh_network_can_be_trained() -> None:
    autoencoder = new_network(CARD.networks.autoencoder, 0)
    decoded, mean, deviation = autoencoder(torch.ones(1, 8, 8, 8, 8))
    (decoded.square().mean() + mean.square().mean() + deviation.mean()).backward()
    assert all(parameter.grad is not None for parameter in autoencoder.parameters())


def test_arguments_that_make_no_network() -> None:
    network = CARD.networks.unet.model_copy(update={"arguments": {**CARD.networks.unet.arguments, "channels": [7, 16]}})
    for build in (build_network, lambda card: new_network(card, 0)):
        with pytest.raises(RecipeError, match="refuses the arguments of the model card"):
            build(network)


# --- cards


def _with(path: str, value: object) -> dict[str, object]:
    fields = json.loads(json.dumps(tiny.card_fields()))
    inner = fields
    *parts, last = path.split(".")
    for part in parts:
        inner = inner[int(part)] if part.isdigit() else inner[part]
    inner[last] = value
    return fields


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("networks.unet.arguments.in_channels", 7, "in_channels must be 8"),
        ("networks.unet.arguments.cross_attention_dim", 4, "cross_attention_dim must be 6"),
        ("networks.unet.arguments.with_conditioning", False, "with_conditioning must be True"),
        ("networks.autoencoder.arguments.in_channels", 1, r"autoencoder\.arguments\.in_channels must be 8"),
        ("networks.unet.files", ["../../secrets.safetensors"], "must be a path within the bundle"),
        ("networks.unet.files", ["/etc/passwd"], "must be a path within the bundle"),
        ("latent.packing", 3, "factor counts packing"),
        ("conditions.2.calibration", [[10, 20], [60, 20]], "increase in both"),
        ("conditions.2.calibration", [[10, 20]], "at least 2 pairs"),
        ("conditions.2.calibration", [[10, 20], [60, float("inf")]], "finite number"),
        ("conditions.0.high", float("inf"), "finite number"),
        ("conditions.1.calibration", [[0, 1], [1, 2]], "belongs to a number"),
        ("conditions.1.choices", {"F": 0, "M": 2}, "numbered from 0"),
        ("conditions.1.name", "age", "a name of their own"),
        ("conditions.0.low", 90, "low must be below high"),
        ("conditions.0.input", "class", "must go into the vector"),
        ("measures.0.name", "sex", "answer conditions that are numbers"),
        ("conditioning", "cross-and-concat", "calibration goes with the conditioning flagged"),
        ("condition_dropout", 1.0, "condition_dropout"),
        ("schedule.kind", "linear", "schedule.kind"),
        ("surprise", 1, "surprise"),
    ],
)
def test_cards_that_contradict_themselves(path, value, said, tmp_path) -> None:
    card = tmp_path / "model.json"
    card.write_text(json.dumps(_with(path, value)))
    with pytest.raises(RecipeError, match=said):
        load_card(str(card), "trained")


def test_a_measure_must_not_take_the_name_of_another() -> None:
    name = "foreground_volume_ml"
    fields = tiny.card_fields(
        conditions=[*tiny.CONDITIONS[:2], {**tiny.CONDITIONS[2], "name": name}],
        measures=[{**tiny.MEASURE, "name": name}],
    )
    with pytest.raises(ValueError, match="uses for its own, got foreground_volume_ml"):
        ModelCard.model_validate(fields)


def test_cards_from_before_have_the_meaning_that_they_had() -> None:
    card = load_card("brain-ldm", "ldm")
    assert (card.latent.packing, card.measures, card.condition_dropout, card.training) == (1, (), 0, {})
    assert not card.takes_guidance
    assert load_card("rflow-mr", "nv-rflow").takes_guidance
    assert ModelCard.model_validate(tiny_diffusion.card_fields("ldm")).conditioning == "cross-and-concat"
