"""Model cards: what voxpress must know of a published model to run it, as inert JSON.

Nothing from a model's own bundle is evaluated or imported: bundles hold Python expressions and scripts. A card names a
class from a list of four, its arguments as plain data, the scheduler, the conditions with their units and ranges, the
output's range, the licence of the weights, and what the weight files are called.
"""

from __future__ import annotations

import hashlib
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ....errors import RecipeError
from ...names import did_you_mean, listed

__all__ = [
    "ConditionCard",
    "GridCard",
    "ImageCard",
    "ModelCard",
    "NetworkCard",
    "ScheduleCard",
    "known_models",
    "load_card",
]

_MOST_BYTES = 2**20
_Triple = tuple[float, float, float]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LicenceCard(_Strict):
    """Licence of the weights; `commercial` says whether they may be used commercially."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")
    link: str
    commercial: bool


class NetworkCard(_Strict):
    """One network.

    Attributes:
        kind: class of MONAI, one of those that `networks` knows.
        arguments: of its constructor, as published.
        parameters: how many it has; what is built is held against it. None where nobody counted.
        files: names that its weights go by, relative to the bundle, the usual one first.
        hub: repository where they are published.
        digests: `sha256` or `md5` → hex, of the first of `files`, where they are known.
    """

    kind: Literal["AutoencoderKL", "AutoencoderKlMaisi", "DiffusionModelUNet", "DiffusionModelUNetMaisi"]
    arguments: dict[str, Any]
    parameters: int | None = None
    files: tuple[str, ...] = Field(min_length=1)
    hub: str | None = None
    digests: dict[Literal["sha256", "md5"], str] = {}


class NetworksCard(_Strict):
    """The two networks of a latent diffusion model."""

    autoencoder: NetworkCard
    unet: NetworkCard


class LatentCard(_Strict):
    """The latent space.

    Attributes:
        channels: of a latent.
        factor: voxels a side that one latent point stands for.
        scale_factor: latents are divided by it before they are decoded; None where the UNet's checkpoint has it.
    """

    channels: int = Field(ge=1)
    factor: int = Field(ge=1)
    scale_factor: float | None


class ScheduleCard(_Strict):
    """The noise schedule that the model was trained with, and what it predicts.

    Attributes:
        kind: `scaled_linear` (square roots of beta are equally spaced), or `rectified-flow`.
        steps: of training.
        beta_start, beta_end: of `scaled_linear`.
        base_voxels: latent points for which rectified flow's times are not shifted.
        prediction: what the network gives.
    """

    kind: Literal["scaled_linear", "rectified-flow"]
    steps: int = Field(ge=2)
    beta_start: float | None = None
    beta_end: float | None = None
    base_voxels: int | None = None
    prediction: Literal["epsilon", "velocity"]

    @model_validator(mode="after")
    def _check(self) -> ScheduleCard:
        diffusion = self.kind == "scaled_linear"
        if diffusion != (self.beta_start is not None and self.beta_end is not None):
            msg = "beta_start and beta_end belong to scaled_linear, and to nothing else"
            raise ValueError(msg)
        if diffusion != (self.prediction == "epsilon"):
            msg = "scaled_linear goes with epsilon, rectified-flow with velocity"
            raise ValueError(msg)
        return self


class ConditionCard(_Strict):
    """One condition and how the network wants it.

    Attributes:
        name, kind, unit, decimals, default, meaning: as of `backend.Condition`.
        low, high: of a number, in its unit: what the network gets as 0 and as 1, the ends of the training range.
        choices: of a category: value → what the network gets.
        input: where it goes: into the vector, or one of the inputs of the MAISI networks.
    """

    name: str
    kind: Literal["number", "category"]
    meaning: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    decimals: int = 2
    choices: dict[str, float] = {}
    default: Any
    input: Literal["vector", "class", "top-region", "bottom-region"] = "vector"

    @model_validator(mode="after")
    def _check(self) -> ConditionCard:
        number = self.kind == "number"
        if number != (self.low is not None and self.high is not None) or number == bool(self.choices):
            msg = "a number has low and high, a category has choices"
            raise ValueError(msg)
        return self


class ImageCard(_Strict):
    """The image.

    Attributes:
        minimum, maximum, background, unit: as of `backend.Output`.
        floor: where the mean of the neighbourhood is below it, there is background.
        decoded: what the decoder's 0 and 1 stand for.
    """

    minimum: float
    maximum: float
    background: float
    floor: float
    unit: str = "arbitrary"
    decoded: tuple[float, float] = (0.0, 1.0)

    @model_validator(mode="after")
    def _check(self) -> ImageCard:
        if not self.minimum == self.background <= self.floor < self.maximum:
            msg = "background must be the minimum, and the floor between it and the maximum"
            raise ValueError(msg)
        return self


class DecodingCard(_Strict):
    """How latents are decoded: at once, or in windows of so many latent points a side where there are more."""

    window: int | None = Field(default=None, ge=1)
    overlap: float = Field(default=0.0, ge=0, lt=1)


class GridCard(_Strict):
    """Which grids the model was trained for.

    Attributes:
        rule: `fixed` (one of `shapes` at `spacing_mm`), or the published rules of MAISI for CT or MR.
        fields_of_view_mm: name → published field of view, shape × spacing; None where an axis is free.
    """

    rule: Literal["fixed", "maisi-ct", "maisi-mr"]
    shapes: tuple[tuple[int, int, int], ...] = ()
    spacing_mm: _Triple | None = None
    fields_of_view_mm: dict[str, tuple[float | None, float | None, float | None]] = {}


class AffineCard(_Strict):
    """Where the decoded array lies: axes to reverse so that it is RAS+, and the first voxel's place after that."""

    flip: tuple[bool, bool, bool]
    origin_mm: _Triple
    note: str = ""


class ModelCard(_Strict):
    """One published model; see the parts."""

    format: Literal[1]
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")
    family: Literal["ldm", "nv-rflow"]
    title: str
    source: str
    licence: LicenceCard
    networks: NetworksCard
    latent: LatentCard
    schedule: ScheduleCard
    preset: str
    conditioning: Literal["cross-and-concat", "maisi"]
    guidance: float = Field(default=0.0, ge=0)
    conditions: tuple[ConditionCard, ...]
    image: ImageCard
    decoding: DecodingCard
    grid: GridCard
    affine: AffineCard
    findings_by_design: tuple[str, ...] = ()
    sha256: str = ""


def known_models(family: str) -> tuple[str, ...]:
    """Names of the models of a family that come with voxpress."""
    cards = (_read(Path(str(entry))) for entry in _folder().iterdir() if entry.name.endswith(".json"))
    return tuple(sorted(card.name for card in cards if card.family == family))


def load_card(model: str, family: str) -> ModelCard:
    """A card by the name of a model, or from a JSON file.

    Args:
        model: a name of `known_models`, or the path of a card that ends in `.json`.
        family: that it must belong to.

    Raises:
        RecipeError: there is none, it is not well formed, or of another family.
    """
    if model.endswith(".json"):
        card = _read(Path(model))
    else:
        names = known_models(family)
        if model not in names:
            msg = (
                f"backend.model: must be {listed(names)}, or the path of a model card (.json), got {model!r}"
                f"{did_you_mean(model, names)}"
            )
            raise RecipeError(msg)
        card = _read(Path(str(_folder() / f"{model}.json")))
    if card.family != family:
        msg = f"backend.model: must be of the family {family!r}, got {card.name!r} of {card.family!r}"
        raise RecipeError(msg)
    return card


def _folder() -> Any:
    return resources.files(__package__ or __name__) / "model_cards"


def _read(path: Path) -> ModelCard:
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        msg = f"backend.model: the model card {path} cannot be read: {error.strerror or error}; give another path"
        raise RecipeError(msg) from None
    if len(data) > _MOST_BYTES:
        msg = f"backend.model: the model card {path} must be at most {_MOST_BYTES} bytes; it is something else"
        raise RecipeError(msg)
    try:
        card = ModelCard.model_validate_json(data)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, each['loc'])) or 'the file'}: {each['msg']}" for each in error.errors()[:5]
        )
        msg = f"backend.model: the model card {path} is not well formed: {problems}"
        raise RecipeError(msg) from None
    return card.model_copy(update={"sha256": hashlib.sha256(data).hexdigest()})
