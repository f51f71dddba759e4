"""Finds nothing and checks no digest: puts weights that were found into the networks that make label maps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .....errors import RecipeError
from ..networks import build_network
from ..solvers import solver_of
from ..weights import load_into, read_checkpoint
from .maker import LabelMaker

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import torch

    from ....backend import Grid
    from ..model_card import ModelCard
    from .card import LabelCard

__all__ = ["LabelParts", "load_label_parts"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelParts:
    """What makes label maps, and what steers the image by them.

    Attributes:
        maker: of the label maps.
        controlnet: in float32 on the device.
    """

    maker: LabelMaker
    controlnet: Any


def load_label_parts(
    card: LabelCard, model: ModelCard, preset: str, *, grid: Grid, paths: Mapping[str, Path], device: torch.device
) -> LabelParts:
    """MONAI's plain networks in float32, whatever the path and the precision of the model.

    Args:
        card: of the labels.
        model: card of the model.
        preset: solver of the mask generator.
        grid: of the data set.
        paths: file of each network in `card.networks`.
        device: to load them to.

    Raises:
        RecipeError: there is no such solver, or no scale factor.
        GenerationError: the weights are not those of the networks.
    """
    x, y, z = card.sides
    solver = solver_of(preset, card.schedule, x * y * z, option="mask_preset")
    networks: dict[str, Any] = {}
    scale = card.latent.scale_factor
    for name, network in card.networks.named().items():
        built = build_network(network)
        checkpoint = read_checkpoint(paths[name])
        load_into(built, checkpoint, paths[name])
        networks[name] = built.to(device)
        if name == "mask_unet" and checkpoint.scale_factor is not None:
            scale = checkpoint.scale_factor
    if scale is None:
        msg = f"backend.weights: {paths['mask_unet']} must hold a scale_factor, and has none; give the published file"
        raise RecipeError(msg)
    maker = LabelMaker(
        card=card,
        model=model,
        unet=networks["mask_unet"],
        autoencoder=networks["mask_autoencoder"],
        scale_factor=scale,
        solver=solver,
        grid=grid,
        device=device,
    )
    return LabelParts(maker=maker, controlnet=networks["controlnet"])
