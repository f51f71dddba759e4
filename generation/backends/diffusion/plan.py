"""What decides the bits of a model's samples, as a frozen value: options with what cards and the device fill in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ....errors import RecipeError
from .device import find_device

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...backend import Grid
    from .labels import LabelCard
    from .model_card import ModelCard, NetworkCard
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
    labels: LabelCard | None = None
    mask_preset: str = ""

    @property
    def networks(self) -> Mapping[str, NetworkCard]:
        """Name → card of every network."""
        own = self.card.networks
        return {"autoencoder": own.autoencoder, "unet": own.unet, **self.label_networks}

    @property
    def label_networks(self) -> Mapping[str, NetworkCard]:
        """Name → card of those networks that only label maps need."""
        return self.labels.networks.named() if self.labels else {}


def plan_of(options: DiffusionOptions, card: ModelCard, grid: Grid, labels: LabelCard | None = None) -> Plan:
    """Fills in what the options leave to the cards and to the device.

    Raises:
        RecipeError: they contradict each other, or there is no such device.
    """
    if options.weights is None:
        msg = (
            "backend.weights: must be given to make samples: the folder of the model's bundle, a repository on the "
            f"Hugging Face Hub, or hub for {_repositories(card, labels)}"
        )
        raise RecipeError(msg)
    cuda = find_device(options.device).type == "cuda"
    guidance = card.guidance if options.guidance is None else options.guidance
    if guidance and not card.takes_guidance:
        msg = f"backend.guidance: must be 0 for {card.name!r}, which was not trained for guidance, got {guidance:g}"
        raise RecipeError(msg)
    if options.mask_preset and labels is None:
        msg = f"backend.mask_preset: goes with labels: true, got {options.mask_preset!r} without; leave it out"
        raise RecipeError(msg)
    # the ControlNet sees whole label maps at full resolution, which many at once have no room for
    usual = _CUDA_MICRO_BATCH if cuda and labels is None else 1
    return Plan(
        card=card,
        grid=grid,
        weights=options.weights,
        sha256=tuple(sorted(options.sha256.items())),
        preset=options.preset or card.preset,
        guidance=guidance,
        micro_batch=options.micro_batch or usual,
        precision=options.precision or ("bf16" if cuda and options.path == "fast" else "fp32"),
        device=options.device,
        path=options.path,
        threads=options.threads,
        calibrate=options.calibrate,
        labels=labels,
        mask_preset=(options.mask_preset or labels.preset) if labels else "",
    )


def _repositories(card: ModelCard, labels: LabelCard | None) -> str:
    networks = [card.networks.autoencoder, card.networks.unet, *(labels.networks.named().values() if labels else ())]
    hubs = dict.fromkeys(each.hub for each in networks if each.hub)
    return " and ".join(hubs) or "none is known for this model"
