"""Scaled-down diffusion models of random weights: every part is real, but what they make looks like nothing."""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from voxpress.generation.backend import Grid
from voxpress.generation.backends.diffusion import LdmBackend, NvRflowBackend
from voxpress.generation.backends.diffusion.model_card import ModelCard, load_card
from voxpress.generation.backends.diffusion.networks import build_network
from voxpress.generation.backends.diffusion.weights import Checkpoint, load_into

if TYPE_CHECKING:
    from voxpress.generation.backends.diffusion.model_card import NetworkCard

SHAPE = (16, 16, 16)
GRID = Grid(shape=SHAPE, spacing_mm=(2.0, 2.0, 2.0))
FAMILIES = {"ldm": LdmBackend, "nv-rflow": NvRflowBackend}
_NETWORKS: dict[str, dict[str, Any]] = {
    "ldm": {
        "autoencoder": {
            "kind": "AutoencoderKL",
            "arguments": {
                "spatial_dims": 3, "in_channels": 1, "out_channels": 1, "latent_channels": 2, "channels": [8, 16],
                "num_res_blocks": 1, "norm_num_groups": 4, "norm_eps": 1e-6, "attention_levels": [False, False],
                "with_encoder_nonlocal_attn": False, "with_decoder_nonlocal_attn": False,
            },
        },
        "unet": {
            "kind": "DiffusionModelUNet",
            "arguments": {
                "spatial_dims": 3, "in_channels": 6, "out_channels": 2, "channels": [8, 16], "num_res_blocks": 1,
                "attention_levels": [False, True], "norm_num_groups": 4, "norm_eps": 1e-6, "resblock_updown": True,
                "num_head_channels": [0, 16], "with_conditioning": True, "transformer_num_layers": 1,
                "cross_attention_dim": 4, "upcast_attention": True, "use_flash_attention": False,
            },
        },
    },
    "nv-rflow": {
        "autoencoder": {
            "kind": "AutoencoderKlMaisi",
            "arguments": {
                "spatial_dims": 3, "in_channels": 1, "out_channels": 1, "latent_channels": 2, "num_channels": [8, 16],
                "num_res_blocks": [1, 1], "norm_num_groups": 4, "norm_eps": 1e-6, "attention_levels": [False, False],
                "with_encoder_nonlocal_attn": False, "with_decoder_nonlocal_attn": False, "use_checkpointing": False,
                "use_convtranspose": False, "norm_float16": True, "num_splits": 2, "dim_split": 1,
            },
        },
        "unet": {
            "kind": "DiffusionModelUNetMaisi",
            "arguments": {
                "spatial_dims": 3, "in_channels": 2, "out_channels": 2, "num_channels": [8, 16],
                "attention_levels": [False, True], "num_head_channels": [0, 8], "num_res_blocks": 1,
                "norm_num_groups": 4, "use_flash_attention": True, "include_spacing_input": True,
                "num_class_embeds": 40, "resblock_updown": True, "include_fc": True,
            },
        },
    },
}  # fmt: skip
_PRESETS = {"ldm": "ddim4-leading", "nv-rflow": "euler3"}


def card_fields(family: str) -> dict[str, Any]:
    """The card of the family's default model with smaller networks and a smaller grid."""
    fields = load_card(FAMILIES[family].default_model, family).model_dump(mode="json", exclude={"sha256"})
    for name, network in _NETWORKS[family].items():
        fields["networks"][name] |= {**network, "parameters": None, "digests": {}, "files": [f"models/{name}.pt"]}
    return fields | {
        "name": f"tiny-{family}",
        "latent": {"channels": 2, "factor": 2, "scale_factor": 1.0 if family == "ldm" else None},
        "preset": _PRESETS[family],
        "grid": {"rule": "fixed", "shapes": [SHAPE], "spacing_mm": GRID.spacing_mm, "fields_of_view_mm": {}},
    }


def write_model(folder: Path, family: str, **changes: Any) -> dict[str, str]:
    """A card and weights in a folder; gives the options of a recipe that uses them."""
    fields = card_fields(family) | changes
    folder.mkdir(parents=True, exist_ok=True)
    card = folder / "card.json"
    card.write_text(json.dumps(fields))
    read = load_card(str(card), family)
    (folder / "models").mkdir(exist_ok=True)
    for seed, (name, network) in enumerate((("autoencoder", read.networks.autoencoder), ("unet", read.networks.unet))):
        tensors = random_weights(network, seed)
        inside = {"unet_state_dict": tensors, "scale_factor": torch.tensor(0.9)} if name == "unet" else tensors
        torch.save(inside if family == "nv-rflow" else tensors, folder / "models" / f"{name}.pt")
    return {"model": str(card), "weights": str(folder)}


def random_weights(network: NetworkCard, seed: int) -> dict[str, torch.Tensor]:
    """Weights drawn anew, because MONAI's last layers begin at exactly 0; the image has a mean of about 0.4."""
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for name, wanted in build_network(network).state_dict().items():
        fan_in = wanted[0].numel() if wanted.ndim > 1 else 1
        drawn = torch.randn(wanted.shape, generator=generator) * (0.7 / fan_in**0.5)
        tensors[name] = 1 + 0.1 * drawn if "norm" in name and name.endswith("weight") else drawn
    last = [name for name in tensors if name.startswith("decoder.blocks.") and name.endswith("conv.bias")]
    if last:
        bias = max(last, key=lambda name: int(name.split(".")[2]))
        tensors[bias] = torch.full_like(tensors[bias], 0.35)
        weight = bias.replace("bias", "weight")
        tensors[weight] = tensors[weight] * 0.45
    return tensors


def loaded(network: NetworkCard, seed: int = 0) -> torch.nn.Module:
    """A network with such weights."""
    made = build_network(network)
    load_into(made, Checkpoint(tensors=random_weights(network, seed), scale_factor=None), Path("tiny.pt"))
    return made


def networks_of(family: str) -> Any:
    """The networks of the small card."""
    return ModelCard.model_validate(card_fields(family)).networks


def backend(family: str, folder: str, **options: Any) -> LdmBackend | NvRflowBackend:
    """A backend of a model that `write_model` wrote."""
    named = {"model": str(Path(folder) / "card.json"), "weights": folder}
    return FAMILIES[family]({**named, **options}, GRID)


def load_of(family: str, folder: Path, **options: Any) -> Any:
    """What makes it, picklable."""
    return partial(backend, family, str(folder), **options)


@cache
def model(family: str) -> Path:
    """A small model that is written once in a process; a test must not write to it."""
    folder = Path(tempfile.mkdtemp(prefix=f"voxpress-tiny-{family}-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    write_model(folder, family)
    return folder


class Lazy:
    """What makes a backend of that model, written when it is first wanted; another process gets what is written."""

    def __init__(self, family: str, **options: Any) -> None:
        self.family, self.options = family, options

    def __call__(self) -> LdmBackend | NvRflowBackend:
        return backend(self.family, str(model(self.family)), **self.options)

    def __reduce__(self) -> Any:
        return _other, (self.family, str(model(self.family)), self.options)


def _other(family: str, folder: str, options: dict[str, Any]) -> Any:
    return load_of(family, Path(folder), **options)
