"""Scaled-down CT models of random weights that make label maps; what they make looks like nothing."""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from functools import cache, partial
from pathlib import Path
from typing import Any

import tiny_diffusion as tiny
import torch

from voxpress.generation.backends.diffusion import NvRflowBackend
from voxpress.generation.backends.diffusion.labels import LabelCard, load_label_card
from voxpress.generation.backends.diffusion.model_card import LABELS_SUFFIX, ModelCard, load_card

_CONTROLNET: dict[str, Any] = {
    "kind": "ControlNetMaisi",
    "arguments": {
        "spatial_dims": 3, "in_channels": 2, "num_channels": [8, 16], "attention_levels": [False, True],
        "num_head_channels": [0, 8], "num_res_blocks": 1, "norm_num_groups": 4, "use_flash_attention": True,
        "conditioning_embedding_in_channels": 8, "conditioning_embedding_num_channels": [4, 8],
    },
}  # fmt: skip
_MASKS: dict[str, dict[str, Any]] = {
    "mask_autoencoder": {
        "kind": "AutoencoderKlMaisi",
        "arguments": {
            "spatial_dims": 3, "in_channels": 8, "out_channels": 125, "latent_channels": 2, "num_channels": [8, 16],
            "num_res_blocks": [1, 1], "norm_num_groups": 4, "norm_eps": 1e-6, "attention_levels": [False, False],
            "with_encoder_nonlocal_attn": False, "with_decoder_nonlocal_attn": False, "use_checkpointing": True,
            "use_convtranspose": True, "norm_float16": True, "num_splits": 2, "dim_split": 1,
        },
    },
    "mask_unet": {
        "kind": "DiffusionModelUNet",
        "arguments": {
            "spatial_dims": 3, "in_channels": 2, "out_channels": 2, "channels": [8, 16], "num_res_blocks": 1,
            "attention_levels": [False, True], "num_head_channels": [0, 8], "norm_num_groups": 4,
            "use_flash_attention": True, "with_conditioning": True, "upcast_attention": True,
            "cross_attention_dim": 10,
        },
    },
}  # fmt: skip
_IMAGE_ONLY = {"rflow-ct": {"num_class_embeds": 128, "resblock_updown": True, "include_fc": True}, "ddpm-ct": {}}
_REGIONS = {"include_top_region_index_input": True, "include_bottom_region_index_input": True}
_SOLVERS = {"rflow-ct": "euler3", "ddpm-ct": "ddpm4"}


def card_fields(model: str) -> dict[str, Any]:
    """The card of a CT model with smaller networks and a smaller grid."""
    fields = load_card(model, "nv-rflow").model_dump(mode="json", exclude={"sha256"})
    small = tiny.card_fields("nv-rflow")
    unet = small["networks"]["unet"]
    unet["arguments"] = {
        **{name: value for name, value in unet["arguments"].items() if name not in _IMAGE_ONLY["rflow-ct"]},
        **_IMAGE_ONLY[model],
        **(_REGIONS if model == "ddpm-ct" else {}),
    }
    own = {"name": f"tiny-{model}", "preset": _SOLVERS[model], "networks": small["networks"]}
    return fields | {name: small[name] for name in ("latent", "grid")} | own


def label_fields(model: str) -> dict[str, Any]:
    """The label card of that model, likewise: 16³ voxels of 1.5 mm, in the middle of the 32 mm of the tests."""
    fields = load_label_card(model, load_card(model, "nv-rflow")).model_dump(mode="json", exclude={"sha256"})
    networks = {**_MASKS, "controlnet": {**_CONTROLNET, "arguments": _CONTROLNET["arguments"] | _IMAGE_ONLY[model]}}
    for name, network in networks.items():
        fields["networks"][name] |= {**network, "files": [f"models/{name}.pt"]}
    return fields | {
        "model": f"tiny-{model}",
        "latent": {"channels": 2, "factor": 2, "scale_factor": 1.1},
        "preset": "ddpm4",
        "shape": [16, 16, 16],
    }


def write_model(folder: Path, model: str = "rflow-ct", **changes: Any) -> None:
    """Cards and weights of a model in a folder; `changes` are of the label card."""
    (folder / "models").mkdir(parents=True)
    for suffix, fields in ((".json", card_fields(model)), (LABELS_SUFFIX, label_fields(model) | changes)):
        (folder / "card").with_suffix(suffix).write_text(json.dumps(fields))
    networks = ModelCard.model_validate(card_fields(model)).networks
    others = LabelCard.model_validate(label_fields(model)).networks.named()
    for seed, (name, network) in enumerate(
        {"autoencoder": networks.autoencoder, "unet": networks.unet, **others}.items()
    ):
        tensors = tiny.random_weights(network, seed)
        if name == "unet":
            tensors = {"unet_state_dict": tensors, "scale_factor": torch.tensor(0.9)}
        elif name == "mask_unet":
            tensors = {"unet_state_dict": tensors, "scale_factor": torch.tensor(0.8)}
        elif name == "controlnet":
            tensors = {"controlnet_state_dict": tensors, "epoch": 3}
        torch.save(tensors, folder / "models" / f"{name}.pt")


def options(folder: Path | str, **others: Any) -> dict[str, Any]:
    """Of a recipe that makes label maps with such a model."""
    return {"model": str(Path(folder) / "card.json"), "weights": str(folder), "labels": True, **others}


def backend(folder: Path | str, **others: Any) -> NvRflowBackend:
    """The backend of such a model."""
    return NvRflowBackend(options(folder, **others), tiny.GRID)


def load_of(folder: Path | str, **others: Any) -> Any:
    """What makes it, picklable."""
    return partial(backend, str(folder), **others)


@cache
def model(name: str = "rflow-ct") -> Path:
    """A small model that is written once in a process; a test must not write to it."""
    parent = Path(tempfile.mkdtemp(prefix="voxpress-tiny-labels-"))
    atexit.register(shutil.rmtree, parent, ignore_errors=True)
    write_model(parent / name, name)
    return parent / name


class Lazy:
    """What makes a backend of that model, written when it is first wanted; another process gets what is written."""

    def __init__(self, name: str, **others: Any) -> None:
        self.name, self.others = name, others

    def __call__(self) -> NvRflowBackend:
        return backend(model(self.name), **self.others)

    def __reduce__(self) -> Any:
        return _other, (str(model(self.name)), self.others)


def _other(folder: str, others: dict[str, Any]) -> Any:
    return load_of(folder, **others)
