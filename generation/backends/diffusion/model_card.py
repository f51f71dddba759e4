"""Model cards: what voxpress must know of a model, published or trained, to run it, as inert JSON.

Nothing from a model's own bundle is evaluated or imported: bundles hold Python expressions and scripts. A card names a
class from a list of five, its arguments as plain data, the scheduler, the conditions with their units and ranges, the
output's range, the licence of the weights, and what the weight files are called.
"""

from __future__ import annotations

import hashlib
from importlib import resources
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from ....errors import RecipeError
from ...names import did_you_mean, listed
from .measures import MEASURES

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "LABELS_SUFFIX",
    "ConditionCard",
    "DecodingCard",
    "GridCard",
    "ImageCard",
    "LatentCard",
    "MeasureCard",
    "ModelCard",
    "NetworkCard",
    "ScheduleCard",
    "known_models",
    "load_card",
    "path_of",
    "read_card",
    "vector_length",
]

LABELS_SUFFIX: Final = ".labels.json"
"""Of the card that tells what makes label maps, beside the card of the model; see `labels.card`."""
_Card = TypeVar("_Card", bound=BaseModel)
_MOST_BYTES = 2**20
_FEWEST_CALIBRATION_PAIRS = 2
_Triple = tuple[float, float, float]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class LicenceCard(_Strict):
    """Licence of the weights; `commercial` says whether they may be used commercially."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.+_-]{0,63}$")
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

    kind: Literal[
        "AutoencoderKL", "AutoencoderKlMaisi", "ControlNetMaisi", "DiffusionModelUNet", "DiffusionModelUNetMaisi"
    ]
    arguments: dict[str, Any]
    parameters: int | None = None
    files: tuple[str, ...] = Field(min_length=1)
    hub: str | None = None
    digests: dict[Literal["sha256", "md5"], str] = {}

    @field_validator("files")
    @classmethod
    def _check_files(cls, files: tuple[str, ...]) -> tuple[str, ...]:
        """A card that came with its weights must not reach for other files of the machine."""
        for file in files:
            path = PurePosixPath(file)
            if not path.parts or path.is_absolute() or ".." in path.parts or "\\" in file:
                msg = f"must be a path within the bundle, got {file!r}"
                raise ValueError(msg)
        return files


class NetworksCard(_Strict):
    """The two networks of a latent diffusion model."""

    autoencoder: NetworkCard
    unet: NetworkCard


class LatentCard(_Strict):
    """The latent space.

    Attributes:
        channels: of a latent.
        factor: voxels a side that one latent point stands for, those of `packing` included.
        scale_factor: latents are divided by it before they are decoded; None where the UNet's checkpoint has it.
        packing: voxels a side that are one point of the autoencoder, with a channel for each of them; see `packing`.
    """

    channels: int = Field(ge=1)
    factor: int = Field(ge=1)
    scale_factor: float | None
    packing: int = Field(default=1, ge=1, le=8)

    @model_validator(mode="after")
    def _check(self) -> LatentCard:
        if self.factor % self.packing:
            msg = f"factor counts packing, so it must be a multiple of {self.packing}, got {self.factor}"
            raise ValueError(msg)
        return self


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
    steps: int = Field(ge=2, le=100_000)
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
        choices: of a category: value → what the network gets; with `flagged`, its place among them.
        input: where it goes: into the vector, or one of the inputs of the MAISI networks.
        calibration: of a number, in its unit: (asked of the network, what came out on average), both increasing.
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
    calibration: tuple[tuple[float, float], ...] = ()

    @model_validator(mode="after")
    def _check(self) -> ConditionCard:
        number = self.kind == "number"
        if number != (self.low is not None and self.high is not None) or number == bool(self.choices):
            msg = "a number has low and high, a category has choices"
            raise ValueError(msg)
        if self.low is not None and self.high is not None and not self.low < self.high:
            msg = f"low must be below high, got {self.low:g} and {self.high:g}"
            raise ValueError(msg)
        if self.calibration and not (number and _increases(self.calibration)):
            msg = "calibration belongs to a number, and needs at least 2 pairs that increase in both"
            raise ValueError(msg)
        return self


class MeasureCard(_Strict):
    """A measure of the image that answers a condition: a linear regression on pooled voxels, see `measurer`.

    Attributes:
        name: of the condition, a number.
        unit, meaning: as of `backend.Measure`.
        r: correlation with the truth in real images that neither the regression nor the networks have seen.
        mae: mean absolute error there, in its unit.
        validated_on: how many images that were.
    """

    name: str
    unit: str = ""
    meaning: str
    r: float = Field(ge=-1, le=1)
    mae: float = Field(ge=0)
    validated_on: int = Field(ge=1)


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
    """One model, published or trained; see the parts.

    Attributes:
        conditioning: `cross-and-concat`: one number a condition, as the only token of the cross-attention and as
            constant channels; `flagged`: likewise, with `[x, 1]` for a number and one of k for a category, so that all
            zeros says that there are no conditions; `maisi`: inputs of NV-Generate's networks.
        condition_dropout: share of the steps of training in which there were no conditions.
        measures: of the image, by a regression that was fitted to training images.
        measures_sha256: of its file; empty where it is not pinned.
        training: what the training tells of itself. `training_data`, the name and the manifest digest of the data set,
            goes into the lock; nothing else of it is interpreted.
    """

    format: Literal[1]
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")
    family: Literal["ldm", "nv-rflow", "trained"]
    title: str
    source: str
    licence: LicenceCard
    networks: NetworksCard
    latent: LatentCard
    schedule: ScheduleCard
    preset: str
    conditioning: Literal["cross-and-concat", "flagged", "maisi"]
    condition_dropout: float = Field(default=0.0, ge=0, lt=1)
    guidance: float = Field(default=0.0, ge=0)
    conditions: tuple[ConditionCard, ...]
    measures: tuple[MeasureCard, ...] = ()
    measures_sha256: str = ""
    image: ImageCard
    decoding: DecodingCard
    grid: GridCard
    affine: AffineCard
    findings_by_design: tuple[str, ...] = ()
    training: dict[str, Any] = {}
    sha256: str = ""

    @property
    def takes_guidance(self) -> bool:
        """Whether the network was trained without conditions too, which guidance leads away from."""
        if self.conditioning == "flagged":
            return self.condition_dropout > 0 and bool(self.conditions)
        return any(condition.input == "class" for condition in self.conditions)

    @model_validator(mode="after")
    def _check(self) -> ModelCard:
        problem = _problem_of_conditions(self) or _problem_of_measures(self)
        if not problem and self.conditioning == "flagged":
            problem = _problem_of_flagged(self)
        if problem:
            raise ValueError(problem)
        return self


def vector_length(conditions: Sequence[ConditionCard]) -> int:
    """Numbers of a vector of `flagged` conditions: two for a number, one for each choice of a category."""
    return sum(2 if card.kind == "number" else len(card.choices) for card in conditions)


def known_models(family: str) -> tuple[str, ...]:
    """Names of the models of a family that come with voxpress."""
    names = [entry.name for entry in _folder().iterdir()]
    files = [name for name in names if name.endswith(".json") and not name.endswith(LABELS_SUFFIX)]
    cards = (read_card(Path(str(_folder() / file)), ModelCard) for file in files)
    return tuple(sorted(card.name for card in cards if card.family == family))


def path_of(model: str) -> Path:
    """Where the card of a model lies, by its name or as its path."""
    return Path(model) if model.endswith(".json") else Path(str(_folder() / f"{model}.json"))


def load_card(model: str, family: str) -> ModelCard:
    """A card by the name of a model, or from a JSON file.

    Args:
        model: a name of `known_models`, or the path of a card that ends in `.json`.
        family: that it must belong to.

    Raises:
        RecipeError: there is none, it is not well formed, or of another family.
    """
    if not model.endswith(".json"):
        names = known_models(family)
        if model not in names:
            known = f"{listed(names)}, or " if names else ""
            msg = (
                f"backend.model: must be {known}the path of a model card (.json), got {model!r}"
                f"{did_you_mean(model, names)}"
            )
            raise RecipeError(msg)
    card = read_card(path_of(model), ModelCard)
    if card.family != family:
        msg = f"backend.model: must be of the family {family!r}, got {card.name!r} of {card.family!r}"
        raise RecipeError(msg)
    return card


def read_card(path: Path, kind: type[_Card]) -> _Card:
    """Reads a card from a JSON file; its `sha256` is that of the file.

    Args:
        path: of the file.
        kind: of card, with a field `sha256`.

    Raises:
        RecipeError: it cannot be read, or is not well formed.
    """
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
        card = kind.model_validate_json(data)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, each['loc'])) or 'the file'}: {each['msg']}" for each in error.errors()[:5]
        )
        msg = f"backend.model: the model card {path} is not well formed: {problems}"
        raise RecipeError(msg) from None
    return card.model_copy(update={"sha256": hashlib.sha256(data).hexdigest()})


def _increases(pairs: Sequence[tuple[float, float]]) -> bool:
    return len(pairs) >= _FEWEST_CALIBRATION_PAIRS and all(a < c and b < d for (a, b), (c, d) in pairwise(pairs))


def _problem_of_conditions(card: ModelCard) -> str:
    names = [condition.name for condition in card.conditions]
    if len(set(names)) != len(names):
        return "conditions must have a name of their own each"
    if card.conditioning != "flagged" and any(condition.calibration for condition in card.conditions):
        return "calibration goes with the conditioning flagged"
    return ""


def _problem_of_measures(card: ModelCard) -> str:
    numbers = {condition.name for condition in card.conditions if condition.kind == "number"}
    names = [measure.name for measure in card.measures]
    if len(set(names)) != len(names) or not set(names) <= numbers:
        return f"measures must answer conditions that are numbers, each at most once, got {', '.join(names)}"
    if taken := sorted(set(names) & {measure.name for measure in MEASURES}):
        return f"measures must not have a name that every diffusion backend uses for its own, got {', '.join(taken)}"
    return ""


def _problem_of_flagged(card: ModelCard) -> str:
    for condition in card.conditions:
        if condition.input != "vector":
            return f"the condition {condition.name} must go into the vector, got {condition.input}"
        if condition.kind == "category" and sorted(condition.choices.values()) != list(range(len(condition.choices))):
            return f"the choices of {condition.name} must be numbered from 0, got {condition.choices}"
    if card.networks.unet.kind != "DiffusionModelUNet":
        return f"networks.unet.kind must be DiffusionModelUNet for flagged conditions, got {card.networks.unet.kind}"
    length, unet = vector_length(card.conditions), card.networks.unet.arguments
    wanted = {"in_channels": card.latent.channels + length, "out_channels": card.latent.channels}
    wanted |= {"with_conditioning": length > 0} | ({"cross_attention_dim": length} if length else {})
    for name, value in wanted.items():
        if unet.get(name, False) != value:
            return f"networks.unet.arguments.{name} must be {value} for these conditions, got {unet.get(name)}"
    volumes = card.latent.packing**3
    autoencoder = card.networks.autoencoder.arguments
    wanted = {"in_channels": volumes, "out_channels": volumes, "latent_channels": card.latent.channels}
    for name, value in wanted.items():
        if autoencoder.get(name) != value:
            return f"networks.autoencoder.arguments.{name} must be {value}, got {autoencoder.get(name)}"
    return ""


def _folder() -> Any:
    return resources.files(__package__ or __name__) / "model_cards"
