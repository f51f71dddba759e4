"""Networks of the model cards, and weights that fit them or do not."""

from __future__ import annotations

import json
import os
import pickle

import pytest
import tiny_diffusion as tiny
import torch

from voxpress.errors import GenerationError, RecipeError
from voxpress.generation.backends.diffusion.model_card import known_models, load_card
from voxpress.generation.backends.diffusion.networks import build_network, count_parameters
from voxpress.generation.backends.diffusion.renames import match_names
from voxpress.generation.backends.diffusion.weights import (
    Checkpoint,
    check_digests,
    hash_weights,
    load_into,
    read_checkpoint,
)

FAMILIES = {name: family for family in ("ldm", "nv-rflow") for name in known_models(family)}


def test_what_is_known() -> None:
    assert FAMILIES == {
        "brain-ldm": "ldm",
        "ddpm-ct": "nv-rflow",
        "rflow-ct": "nv-rflow",
        "rflow-mr": "nv-rflow",
        "rflow-mr-brain": "nv-rflow",
    }


@pytest.mark.parametrize("model", FAMILIES)
def test_full_size_networks_have_the_published_numbers_of_parameters(model) -> None:
    card = load_card(model, FAMILIES[model])
    for network in (card.networks.unet, card.networks.autoencoder):
        built = build_network(network)  # on the meta device, so nothing is allocated
        assert count_parameters(built) == network.parameters
        assert {parameter.device.type for parameter in built.parameters()} == {"meta"}


def test_the_published_numbers() -> None:
    brain = load_card("brain-ldm", "ldm").networks
    assert (brain.unet.parameters, brain.autoencoder.parameters) == (553_168_899, 13_766_248)
    millions = {
        model: tuple(round(each.parameters / 1e6, 1) for each in (card.networks.unet, card.networks.autoencoder))
        for model in ("ddpm-ct", "rflow-ct", "rflow-mr-brain")
        for card in [load_card(model, "nv-rflow")]
    }
    assert millions == {"ddpm-ct": (169.4, 20.9), "rflow-ct": (180.5, 20.9), "rflow-mr-brain": (180.5, 20.9)}


def test_building_uses_no_random_numbers() -> None:
    before = torch.get_rng_state()
    build_network(tiny.networks_of("ldm").unet)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_card_whose_count_is_wrong_is_found_out() -> None:
    card = tiny.networks_of("ldm").unet.model_copy(update={"parameters": 7})
    with pytest.raises(RecipeError, match=r"has [\d,]+ parameters .* says 7"):
        build_network(card)


def test_arguments_that_monai_refuses() -> None:
    network = tiny.networks_of("ldm").unet
    for arguments in ({"pets": 1}, {"channels": [7, 9]}):
        with pytest.raises(RecipeError, match="DiffusionModelUNet refuses the arguments"):
            build_network(network.model_copy(update={"arguments": network.arguments | arguments}))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": 2}, "format"),
        ({"family": "gan"}, "family"),
        ({"image": {"minimum": 0, "maximum": 1, "background": 0.5, "floor": 0.1}}, "background must be the minimum"),
        ({"conditions": [{"name": "a", "kind": "number", "meaning": "x", "default": 1}]}, "a number has low and high"),
        ({"run": "$import os"}, "run"),
    ],
)
def test_cards_that_are_not_well_formed(tmp_path, change, said) -> None:
    path = tmp_path / "card.json"
    path.write_text(json.dumps(tiny.card_fields("ldm") | change))
    with pytest.raises(RecipeError, match=said):
        load_card(str(path), "ldm")


def test_cards_that_are_not_there(tmp_path) -> None:
    with pytest.raises(RecipeError, match=r"brain-ldm.*did you mean"):
        load_card("brain-lmd", "ldm")
    with pytest.raises(RecipeError, match="cannot be read"):
        load_card(str(tmp_path / "none.json"), "ldm")
    path = tmp_path / "card.json"
    path.write_text(json.dumps(tiny.card_fields("nv-rflow")))
    with pytest.raises(RecipeError, match="must be of the family 'ldm'"):
        load_card(str(path), "ldm")


# --- old names


def as_older(name: str) -> str:
    """The name that MONAI Generative Models gave a weight."""
    if "transformer_blocks" in name:
        return name.replace("out_proj", "to_out.0")
    return name.replace("postconv", "conv")


@pytest.mark.parametrize("kind", ["unet", "autoencoder"])
def test_an_old_checkpoint_gives_the_same_network(kind) -> None:
    network = getattr(tiny.networks_of("ldm"), kind)
    tensors = tiny.random_weights(network, 3)
    old = {as_older(name): value for name, value in tensors.items()}
    assert old.keys() != tensors.keys()
    kept = dict(old)
    ours, theirs = build_network(network), build_network(network).to_empty(device="cpu")
    load_into(ours, Checkpoint(tensors=old, scale_factor=None), "old.pt")
    assert old.keys() == kept.keys()  # MONAI's empties the dictionary that it is given
    theirs.load_old_state_dict(dict(old))
    assert all(torch.equal(value, ours.state_dict()[name]) for name, value in theirs.state_dict().items())
    assert torch.equal(output_of(ours, kind), output_of(theirs, kind))


def output_of(network, kind):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, 6 if kind == "unet" else 2, 8, 8, 8, generator=generator)
    with torch.inference_mode():
        if kind == "autoencoder":
            return network.decode(x)
        return network(x, timesteps=torch.tensor([500.0]), context=torch.rand(1, 1, 4, generator=generator))


def test_old_names_of_the_full_size_networks() -> None:
    """44 and 6 weights of the brain model have other names than in its first release."""
    card = load_card("brain-ldm", "ldm").networks
    for network, count in ((card.unet, 44), (card.autoencoder, 6)):
        names = build_network(network).state_dict().keys()
        found = match_names(names, {as_older(name) for name in names})
        assert (found.missing, found.unexpected) == ((), ())
        assert sum(new != old for new, old in found.found.items()) == count


def test_names_of_attention_in_old_autoencoders() -> None:
    wanted = {"encoder.blocks.1.attn.to_q.weight", "encoder.blocks.1.attn.out_proj.bias"}
    there = {"encoder.blocks.1.to_q.weight", "encoder.blocks.1.proj_attn.bias"}
    assert match_names(wanted, there).missing == ()


# --- weights that do not fit


@pytest.fixture
def unet_file(tmp_path):
    path = tmp_path / "unet.pt"
    torch.save(tiny.random_weights(tiny.networks_of("ldm").unet, 0), path)
    return path


def fill(network, path):
    load_into(build_network(network), read_checkpoint(path), path)


def test_missing_unexpected_and_misshapen_weights_are_listed(tmp_path) -> None:
    tensors = tiny.random_weights(tiny.networks_of("ldm").unet, 0)
    tensors["conv_in.conv.bias"] = torch.zeros(5)
    tensors["pets"] = tensors.pop("time_embed.0.weight")
    path = tmp_path / "unet.pt"
    torch.save(tensors, path)
    with pytest.raises(GenerationError) as told:
        fill(tiny.networks_of("ldm").unet, path)
    said = str(told.value)
    assert "1 missing: time_embed.0.weight" in said
    assert "1 unexpected: pets" in said
    assert "conv_in.conv.bias must be 8, is 5" in said


def test_weights_of_another_model(unet_file) -> None:
    for other in (tiny.networks_of("ldm").autoencoder, load_card("brain-ldm", "ldm").networks.unet):
        with pytest.raises(GenerationError, match="are not of this model"):
            fill(other, unet_file)


def test_a_file_that_is_cut_off(unet_file) -> None:
    data = unet_file.read_bytes()
    for size in (0, 10, len(data) // 2, len(data) - 1):
        unet_file.write_bytes(data[:size])
        with pytest.raises(GenerationError, match="cut off or damaged"):
            read_checkpoint(unet_file)


class Runs:
    def __reduce__(self):
        return os.mkdir, ("ran",)


@pytest.mark.parametrize("save", [torch.save, lambda x, path: path.write_bytes(pickle.dumps(x))])
def test_a_file_with_code_in_it_does_not_run(tmp_path, monkeypatch, save) -> None:
    monkeypatch.chdir(tmp_path)
    save({"weight": Runs()}, tmp_path / "unet.pt")
    with pytest.raises(GenerationError, match="would have to run code"):
        read_checkpoint(tmp_path / "unet.pt")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", [[1, 2], {"a": 1}, {}, {"state_dict": {"a": "b"}}])
def test_a_file_without_weights(tmp_path, content) -> None:
    torch.save(content, tmp_path / "unet.pt")
    with pytest.raises(GenerationError, match=r"must hold a dictionary|holds no weights alone"):
        read_checkpoint(tmp_path / "unet.pt")


def test_safetensors_and_half_precision(tmp_path) -> None:
    from safetensors.torch import save_file

    network = tiny.networks_of("ldm").unet
    tensors = tiny.random_weights(network, 0)
    path = tmp_path / "unet.safetensors"
    save_file({name: value.half() for name, value in tensors.items()}, path)
    made = build_network(network)
    load_into(made, read_checkpoint(path), path)
    assert torch.equal(made.state_dict()["out.2.conv.weight"], tensors["out.2.conv.weight"].half().float())
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(GenerationError, match="cut off or damaged"):
        read_checkpoint(path)


def test_what_training_saves_beside_the_weights(tmp_path) -> None:
    torch.save(
        {"unet_state_dict": {"a": torch.zeros(2)}, "scale_factor": torch.tensor(1.25), "epoch": 3}, tmp_path / "unet.pt"
    )
    found = read_checkpoint(tmp_path / "unet.pt")
    assert (set(found.tensors), found.scale_factor) == ({"a"}, 1.25)


def test_digests(unet_file) -> None:
    digests = hash_weights(unet_file)
    check_digests(unet_file, digests, {"md5": digests.md5, "sha256": digests.sha256.upper()})
    for kind in ("md5", "sha256"):
        with pytest.raises(GenerationError, match=f"its {kind} must be 0+, is"):
            check_digests(unet_file, digests, {kind: "0" * 32})
    unet_file.write_bytes(unet_file.read_bytes() + b"x")
    assert hash_weights(unet_file) != digests
