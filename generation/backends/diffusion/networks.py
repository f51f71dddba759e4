"""Builds the networks of a model card from MONAI, without weights and without random numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import torch

from ....errors import RecipeError

if TYPE_CHECKING:
    from .model_card import NetworkCard

__all__ = ["build_network", "count_parameters"]

_PLAIN: Final[dict[str, dict[str, Any]]] = {
    "AutoencoderKL": {"use_flash_attention": False},
    # splits and float16 norms save memory on small GPUs and change the rounding; the weights do not know of them
    "AutoencoderKlMaisi": {"num_splits": 1, "norm_float16": False, "save_mem": False, "use_flash_attention": False},
    # upcasting means nothing in float32, and crashes where all is bfloat16; flash attention cannot have the heads of
    # 512 of the brain model, and raises without a GPU in MAISI's
    "DiffusionModelUNet": {"upcast_attention": False, "use_flash_attention": False},
    "DiffusionModelUNetMaisi": {"upcast_attention": False, "use_flash_attention": False},
}
"""Arguments that do not belong to the function that a network computes."""


def build_network(card: NetworkCard) -> torch.nn.Module:
    """The network of a card on the meta device: shapes and names, but no memory.

    Raises:
        RecipeError: the class does not take the arguments, or has another number of parameters than the card says.
    """
    try:
        with torch.device("meta"):
            network: torch.nn.Module = _class_of(card.kind)(**{**card.arguments, **_PLAIN[card.kind]})
    except (TypeError, ValueError) as error:
        msg = f"backend.model: MONAI's {card.kind} refuses the arguments of the model card: {error}; correct the card"
        raise RecipeError(msg) from error
    count = count_parameters(network)
    if card.parameters is not None and count != card.parameters:
        msg = (
            f"backend.model: MONAI's {card.kind} has {count:,} parameters with the arguments of the model card, which "
            f"says {card.parameters:,}; correct the card, or install the MONAI that it was written for"
        )
        raise RecipeError(msg)
    return network.eval().requires_grad_(requires_grad=False)


def count_parameters(network: torch.nn.Module) -> int:
    """Numbers in all weights and biases."""
    return sum(parameter.numel() for parameter in network.parameters())


def _class_of(kind: str) -> Any:
    if kind.endswith("Maisi"):
        from monai.apps.generation.maisi.networks import autoencoderkl_maisi, diffusion_model_unet_maisi

        return getattr(autoencoderkl_maisi if kind == "AutoencoderKlMaisi" else diffusion_model_unet_maisi, kind)
    from monai.networks import nets

    return getattr(nets, kind)
