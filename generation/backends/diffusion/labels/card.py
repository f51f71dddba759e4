"""Label cards: what voxpress must know of the networks that make label maps, as inert JSON beside the model's card.

They are files of their own, so that the digest of a model's card, which is in the lock of every data set, does not
change for those who make images only.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from .....errors import RecipeError
from ....names import listed
from ..model_card import (
    LABELS_SUFFIX,
    DecodingCard,
    LatentCard,
    NetworkCard,
    ScheduleCard,
    known_models,
    path_of,
    read_card,
)
from .bit_planes import BITS
from .tidying import PUT_IN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..model_card import ModelCard

__all__ = ["LabelCard", "LabelNetworksCard", "SizeCard", "load_label_card"]

_REGIONS = 4


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class LabelNetworksCard(_Strict):
    """The ControlNet, and the two networks of the mask generator."""

    controlnet: NetworkCard
    mask_autoencoder: NetworkCard
    mask_unet: NetworkCard

    def named(self) -> Mapping[str, NetworkCard]:
        """Name → card."""
        return {"controlnet": self.controlnet, "mask_autoencoder": self.mask_autoencoder, "mask_unet": self.mask_unet}


class SizeCard(_Strict):
    """The size of an organ or a tumor, which the mask generator is given.

    Attributes:
        name: of the condition.
        meaning: one sentence.
        default: as of `backend.Condition`.
        tumor: value in the label map of what the size is of, where that is a tumor.
    """

    name: str
    meaning: str
    default: Any
    tumor: int | None = None


class LabelCard(_Strict):
    """What makes the label maps of one model.

    Attributes:
        model: whose it is.
        source: where its numbers are from.
        networks: see `LabelNetworksCard`.
        latent: of the mask generator; its scale factor counts where the checkpoint of `mask_unet` has none.
        schedule, preset: of the mask generator.
        decoding: of its latents.
        shape, spacing_mm: grid on which it works.
        sizes: its conditions, in the order of the vector that its cross-attention gets.
        regions: values that tell of the head, the chest, the abdomen and the pelvis; what a model with body regions is
            told of an image is read from its label map by them.
        classes: value and name of each class that the autoencoder tells apart.
    """

    format: Literal[1]
    model: str
    source: str
    networks: LabelNetworksCard
    latent: LatentCard
    schedule: ScheduleCard
    preset: str
    decoding: DecodingCard
    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    sizes: tuple[SizeCard, ...]
    regions: tuple[tuple[int, ...], ...] = Field(min_length=_REGIONS, max_length=_REGIONS)
    classes: tuple[tuple[int, str], ...] = Field(min_length=2, max_length=2**BITS)
    sha256: str = ""

    @property
    def names(self) -> dict[int, str]:
        """Value → name, as of `backend.Output.labels`."""
        return dict(self.classes)

    @property
    def sides(self) -> tuple[int, int, int]:
        """Of a latent."""
        x, y, z = self.shape
        return x // self.latent.factor, y // self.latent.factor, z // self.latent.factor

    @model_validator(mode="after")
    def _check(self) -> LabelCard:
        values = [value for value, _ in self.classes]
        if len(set(values)) != len(values) or 0 not in values or not all(0 <= value < 2**BITS for value in values):
            msg = f"classes must have a value of their own each, from 0 to {2**BITS - 1}, with a background of 0"
            raise ValueError(msg)
        tumors = {size.tumor for size in self.sizes if size.tumor is not None}
        if not tumors <= set(values):
            msg = f"tumors of sizes must be values of classes, got {sorted(tumors - set(values))}"
            raise ValueError(msg)
        if not set(values) >= PUT_IN:
            msg = f"classes must be of MAISI's label dictionary, and lack the values {sorted(PUT_IN - set(values))}"
            raise ValueError(msg)
        if any(side % self.latent.factor for side in self.shape):
            msg = f"shape must be multiples of latent.factor, {self.latent.factor}, got {self.shape}"
            raise ValueError(msg)
        for network, name, value in self._wanted():
            if self.networks.named()[network].arguments.get(name) != value:
                got = self.networks.named()[network].arguments.get(name)
                msg = f"networks.{network}.arguments.{name} must be {value}, got {got}"
                raise ValueError(msg)
        return self

    def _wanted(self) -> list[tuple[str, str, Any]]:
        return [
            ("controlnet", "conditioning_embedding_in_channels", BITS),
            ("mask_autoencoder", "out_channels", len(self.classes)),
            ("mask_autoencoder", "latent_channels", self.latent.channels),
            ("mask_unet", "in_channels", self.latent.channels),
            ("mask_unet", "out_channels", self.latent.channels),
            ("mask_unet", "cross_attention_dim", len(self.sizes)),
        ]


def load_label_card(model: str, card: ModelCard) -> LabelCard:
    """The label card that lies beside the card of a model: `rflow-ct.labels.json` beside `rflow-ct.json`.

    Args:
        model: name of the model, or path of its card.
        card: of the model.

    Raises:
        RecipeError: there is none, it is not well formed, or of another model.
    """
    path = path_of(model).with_suffix(LABELS_SUFFIX) if model else Path()
    if card.conditioning != "maisi" or not path.is_file():
        have = [name for name in known_models(card.family) if path_of(name).with_suffix(LABELS_SUFFIX).is_file()]
        others = f"; models of its backend that have them: {listed(have)}" if have else ""
        msg = (
            f"backend.labels: must be false for {card.name!r}, which has no networks that make label maps (no label "
            f"card beside its model card){others}"
        )
        raise RecipeError(msg)
    labels = read_card(path, LabelCard)
    channels = labels.networks.controlnet.arguments.get("in_channels")
    if labels.model != card.name or channels != card.latent.channels:
        msg = (
            f"backend.labels: the label card {path} must be of {card.name!r} with {card.latent.channels} latent "
            f"channels, is of {labels.model!r} with {channels}; give the model's own"
        )
        raise RecipeError(msg)
    return labels
