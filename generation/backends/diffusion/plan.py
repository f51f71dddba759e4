"""What decides the bits of a model's samples, as a frozen value: options with what cards and the device fill in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ....errors import RecipeError
from .device import find_device

if TYPE_CHECKING:
    from ...backend import Grid
    from .model_card import ModelCard
    from .options import DiffusionOptions

__all__ = ["Plan", "plan_of"]

_CUDA_MICRO_BATCH = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that decides bits, but for the weights and the device: options with all defaults filled in."""

    card: ModelCard
    grid: Grid
    weights: str
    sha256: tuple[tuple[str, str], ...]
    preset: str
    guidance: float
    micro_batch: int
    precision: str
    device: str
    path: str
    threads: int
    calibrate: bool


def plan_of(options: DiffusionOptions, card: ModelCard, grid: Grid) -> Plan:
    """Fills in what the options leave to the card and to the device.

    Raises:
        RecipeError: they contradict each other, or there is no such device.
    """
    if options.weights is None:
        msg = (
            "backend.weights: must be given to make samples: the folder of the model's bundle, a repository on the "
            f"Hugging Face Hub, or hub for {_repositories(card)}"
        )
        raise RecipeError(msg)
    cuda = find_device(options.device).type == "cuda"
    guidance = card.guidance if options.guidance is None else options.guidance
    if guidance and not card.takes_guidance:
        msg = f"backend.guidance: must be 0 for {card.name!r}, which was not trained for guidance, got {guidance:g}"
        raise RecipeError(msg)
    return Plan(
        card=card,
        grid=grid,
        weights=options.weights,
        sha256=tuple(sorted(options.sha256.items())),
        preset=options.preset or card.preset,
        guidance=guidance,
        micro_batch=options.micro_batch or (_CUDA_MICRO_BATCH if cuda else 1),
        precision=options.precision or ("bf16" if cuda and options.path == "fast" else "fp32"),
        device=options.device,
        path=options.path,
        threads=options.threads,
        calibrate=options.calibrate,
    )


def _repositories(card: ModelCard) -> str:
    hubs = dict.fromkeys(each.hub for each in (card.networks.autoencoder, card.networks.unet) if each.hub)
    return " and ".join(hubs) or "none is known for this model"
