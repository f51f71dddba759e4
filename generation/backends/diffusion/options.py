"""What a recipe may tell a diffusion backend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, ValidationError

from ....errors import RecipeError
from ...problems import lines_of

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DiffusionOptions", "parse_options"]


class DiffusionOptions(BaseModel):
    """Options; those that are left out follow the model card or the device.

    Attributes:
        model: name of a model that voxpress knows, or the path of a model card.
        weights: folder of the bundle, or a repository on the Hub, or ``hub``; needed to make or to verify anything.
        sha256: network, or `measures` → digest that its file must have, in place of what the card knows of the
            published one.
        preset: solver and number of steps.
        guidance: scale of classifier-free guidance, for models that have it.
        micro_batch: samples that are computed together. Always so many: fewer are filled up, so that a sample does not
            depend on its neighbours.
        precision: of the networks; latents and solver are always float32.
        device: `auto` is CUDA where there is one.
        path: `plain` leaves MONAI's networks as they are.
        threads: of the CPU; they can change the last bit, so they are part of the fingerprint.
        extrapolate: numbers may be ordered outside the range of training.
        calibrate: numbers are asked of a trained model by its calibration curve, where it has one.
        any_field_of_view: a field of view far from all that the model was trained on is taken.
        labels: label maps are made too, and the images after them, for models that have the networks.
        mask_preset: solver and number of steps of the label maps.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str | None = None
    weights: str | None = None
    sha256: dict[Literal["autoencoder", "unet", "measures", "controlnet", "mask_autoencoder", "mask_unet"], str] = {}
    preset: str | None = None
    guidance: float | None = Field(default=None, ge=0, le=100)
    micro_batch: StrictInt | None = Field(default=None, ge=1, le=256)
    precision: Literal["fp32", "bf16"] | None = None
    device: str = Field(default="auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$")
    path: Literal["fast", "plain"] = "fast"
    threads: StrictInt = Field(default=1, ge=1, le=1024)
    extrapolate: StrictBool = False
    calibrate: StrictBool = True
    any_field_of_view: StrictBool = False
    labels: StrictBool = False
    mask_preset: str | None = None


def parse_options(options: Mapping[str, Any]) -> DiffusionOptions:
    """Reads the options of a recipe.

    Raises:
        RecipeError: one is unknown or out of range; all problems are told at once.
    """
    try:
        return DiffusionOptions.model_validate(dict(options))
    except ValidationError as error:
        lines = lines_of(error, lambda _: tuple(DiffusionOptions.model_fields))
        raise RecipeError("; ".join(f"backend.{line}" for line in lines)) from None
