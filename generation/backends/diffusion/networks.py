"""Builds the networks of a model card from MONAI: without weights to load them, or with fresh ones to train them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import torch

from ....errors import RecipeError

if TYPE_CHECKING:
    from .model_card import NetworkCard

__all__ = ["build_network", "count_parameters", "new_network"]

_PLAIN: Final[dict[str, dict[str, Any]]] = {
    "AutoencoderKL": {"use_flash_attention": False},
    # splits and float16 norms save memory on small GPUs and change the rounding; the weights do not know of them
    "AutoencoderKlMaisi": {
        "num_splits": 1,
        "norm_float16": False,
        "save_mem": False,
        "use_flash_attention": False,
        "use_checkpointing": False,
    },
    # checkpointing computes the same again where there are gradients, of which there are none
    "ControlNetMaisi": {"upcast_attention": False, "use_flash_attention": False, "use_checkpointing": False},
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
    with torch.device("meta"):
        network = _made(card)
    return network.eval().requires_grad_(requires_grad=False)


def new_network(card: NetworkCard, seed: int) -> torch.nn.Module:
    """The network of a card on the CPU with fresh weights, in training mode: the same ones for the same seed.

    Weights are drawn as MONAI and PyTorch do, the last layers at 0 where MONAI has them so. The state of PyTorch's
    generator is as before afterwards.

    Args:
        card: of the network.
        seed: of the weights.

    Raises:
        RecipeError: as `build_network`.
    """
    with torch.random.fork_rng(devices=[]):
        # that of the CPU alone: torch.manual_seed would change those of all GPUs as well
        torch.default_generator.manual_seed(seed)
        return _made(card).train()


def count_parameters(network: torch.nn.Module) -> int:
    """Numbers in all weights and biases."""
    return sum(parameter.numel() for parameter in network.parameters())


def _made(card: NetworkCard) -> torch.nn.Module:
    try:
        network: torch.nn.Module = _class_of(card.kind)(**{**card.arguments, **_PLAIN[card.kind]})
    # whatever nonsense of a card meets first in MONAI or PyTorch
    except (TypeError, ValueError, LookupError, ArithmeticError, RuntimeError, AssertionError) as error:
        msg = f"backend.model: MONAI's {card.kind} refuses the arguments of the model card: {error}; correct the card"
        raise RecipeError(msg) from error
    count = count_parameters(network)
    if card.parameters is not None and count != card.parameters:
        msg = (
            f"backend.model: MONAI's {card.kind} has {count:,} parameters with the arguments of the model card, which "
            f"says {card.parameters:,}; correct the card, or install the MONAI that it was written for"
        )
        raise RecipeError(msg)
    return network


def _class_of(kind: str) -> Any:
    if kind.endswith("Maisi"):
        from monai.apps.generation.maisi.networks import (
            autoencoderkl_maisi,
            controlnet_maisi,
            diffusion_model_unet_maisi,
        )

        modules = (autoencoderkl_maisi, controlnet_maisi, diffusion_model_unet_maisi)
        return next(getattr(module, kind) for module in modules if hasattr(module, kind))
    from monai.networks import nets

    return getattr(nets, kind)
