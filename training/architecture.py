"""From a plan to the two networks: MONAI's classes and their arguments, as a model card has them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import RecipeError
from ..generation.backends.diffusion.model_card import NetworkCard

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .plan import AutoencoderPlan, GeneratorPlan, TrainingPlan

__all__ = ["autoencoder_card", "check_shape", "latent_factor", "unet_card"]

_GROUPS = (32, 16, 8, 4, 2, 1)


def latent_factor(plan: AutoencoderPlan) -> int:
    """Voxels a side that one point of a latent stands for."""
    return int(plan.packing * 2 ** (len(plan.channels) - 1))


def check_shape(shape: Sequence[int], plan: TrainingPlan) -> None:
    """Holds a shape against the networks.

    Raises:
        RecipeError: its sides cannot be halved as often as the levels ask for.
    """
    factor = latent_factor(plan.autoencoder)
    deepest = 2 ** (len(plan.generator.channels) - 1)
    shown = "×".join(map(str, shape))
    if any(side % (factor * deepest) for side in shape):
        msg = (
            f"the volumes are {shown}, and each side must be a multiple of {factor * deepest} for an autoencoder that "
            f"divides sides by {factor} and a UNet that divides them by {deepest}: import them on another grid "
            "(--grid), or take fewer levels (--set generator.channels=…, autoencoder.channels=…)"
        )
        raise RecipeError(msg)
    patch = plan.autoencoder.patch
    if patch is None:
        return
    if any(side % factor or side > whole for side, whole in zip(patch, shape, strict=True)):
        msg = (
            f"autoencoder.patch: each side must be a multiple of {factor} and at most that of the volumes, {shown}, "
            f"got {'×'.join(map(str, patch))}"
        )
        raise RecipeError(msg)


def autoencoder_card(plan: AutoencoderPlan) -> NetworkCard:
    """The autoencoder."""
    packed = plan.packing**3
    return NetworkCard(
        kind="AutoencoderKL",
        arguments={
            "spatial_dims": 3,
            "in_channels": packed,
            "out_channels": packed,
            "latent_channels": plan.latent_channels,
            "channels": list(plan.channels),
            "num_res_blocks": plan.res_blocks,
            "norm_num_groups": _groups(plan.channels),
            "norm_eps": 1e-6,
            "attention_levels": [False] * len(plan.channels),
            "with_encoder_nonlocal_attn": False,
            "with_decoder_nonlocal_attn": False,
        },
        files=("models/autoencoder.safetensors",),
    )


def unet_card(plan: GeneratorPlan, latent_channels: int, vector_width: int) -> NetworkCard:
    """The network that makes latents: conditions come in as one token of cross-attention and as channels."""
    arguments: dict[str, Any] = {
        "spatial_dims": 3,
        "in_channels": latent_channels + vector_width,
        "out_channels": latent_channels,
        "channels": list(plan.channels),
        "num_res_blocks": plan.res_blocks,
        "attention_levels": list(plan.attention),
        "norm_num_groups": _groups(plan.channels),
        "norm_eps": 1e-6,
        "resblock_updown": True,
        "num_head_channels": [width if at else 0 for width, at in zip(plan.channels, plan.attention, strict=True)],
        "with_conditioning": True,
        "transformer_num_layers": 1,
        "cross_attention_dim": vector_width,
        "upcast_attention": False,
        "use_flash_attention": False,
    }
    return NetworkCard(kind="DiffusionModelUNet", arguments=arguments, files=("models/unet.safetensors",))


def _groups(channels: Sequence[int]) -> int:
    return next(groups for groups in _GROUPS if all(width % groups == 0 for width in channels))
