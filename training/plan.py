"""What is asked of a training, parsed and checked before anything is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, ValidationError, model_validator

from ..errors import RecipeError
from ..generation.problems import lines_of, recipe_error
from ..store.strict_yaml import read_mapping, read_value
from .presets import PRESETS, preset_for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = [
    "AutoencoderPlan",
    "GeneratorPlan",
    "LicencePlan",
    "TrainingPlan",
    "merge",
    "nested",
    "parse_plan",
    "plain_plan",
    "read_plan_file",
    "validated",
]

_Width = Annotated[int, Field(ge=1, le=4096)]
_Widths = Annotated[tuple[_Width, ...], Field(min_length=1, max_length=6)]
_Steps = Annotated[StrictInt, Field(ge=1, le=10**8)]
_Batch = Annotated[StrictInt, Field(ge=1, le=4096)]
_Rate = Annotated[float, Field(gt=0, le=1)]
_Share = Annotated[float, Field(ge=0, lt=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AutoencoderPlan(_Strict):
    """The autoencoder, and how it is trained.

    Attributes:
        packing: space-to-depth side: blocks of so many voxels a side become channels before the first layer.
        channels: of each level; each level after the first halves the sides.
        latent_channels: of a latent.
        res_blocks: a level.
        steps: of training; 0 is no choice, since there is no other autoencoder.
        batch_size: of all devices together, in volumes or patches.
        learning_rate: the highest; it rises, then falls along a cosine.
        squared_weight: of the mean squared error beside the mean absolute one. Networks that begin to learn see more
            from it: absolute errors alone leave them at the median image for hundreds of steps.
        kl_weight: of the Kullback–Leibler term, a mean over the latent's numbers.
        adversarial_weight: of a patch discriminator; 0 for none.
        adversarial_after: share of the steps before it takes part.
        patch: voxels of a box that it is trained on; None for whole volumes.
    """

    packing: Literal[1, 2, 4]
    channels: _Widths
    latent_channels: _Width
    res_blocks: StrictInt = Field(ge=1, le=8)
    steps: _Steps
    batch_size: _Batch
    learning_rate: _Rate
    squared_weight: float = Field(default=5.0, ge=0, le=100)
    kl_weight: float = Field(ge=0, le=1)
    adversarial_weight: float = Field(default=0.0, ge=0, le=10)
    adversarial_after: _Share = 0.3
    patch: tuple[StrictInt, StrictInt, StrictInt] | None = None


class GeneratorPlan(_Strict):
    """The network that makes latents, and how it is trained.

    Attributes:
        method: `rectified-flow` predicts the velocity, `diffusion` the noise of MONAI's scaled-linear schedule.
        channels: of each level of the UNet.
        attention: whether a level attends, to itself and to the conditions.
        res_blocks: a level.
        steps: of training.
        batch_size: of all devices together.
        learning_rate: the highest; it rises, then falls along a cosine.
        ema: share of the old weights that each step keeps in the exponential moving average, which is what is used.
        condition_dropout: share of samples that are trained without conditions, which guidance needs.
        times: how the times of rectified flow are drawn: `logit-normal` prefers the middle (Esser et al. 2024).
        guidance: of samples, where a recipe says nothing; 0 for none. Above 1, samples follow their conditions more
            closely than people do, and differ less; what comes of it in numbers is calibrated.
        preset: the solver of samples, as in a recipe.
    """

    method: Literal["rectified-flow", "diffusion"]
    channels: _Widths
    attention: tuple[StrictBool, ...]
    res_blocks: StrictInt = Field(ge=1, le=8)
    steps: _Steps
    batch_size: _Batch
    learning_rate: _Rate
    ema: _Share
    condition_dropout: _Share = 0.1
    times: Literal["uniform", "logit-normal"] = "logit-normal"
    guidance: float = Field(default=2.0, ge=0, le=100)
    preset: str | None = None

    @model_validator(mode="after")
    def _check(self) -> GeneratorPlan:
        if len(self.attention) != len(self.channels):
            msg = f"attention must have one value a level, {len(self.channels)}, got {len(self.attention)}"
            raise ValueError(msg)
        if not any(self.attention):
            msg = "attention must be true at some level: conditions come in there too"
            raise ValueError(msg)
        if self.guidance and not self.condition_dropout:
            msg = "guidance needs condition_dropout above 0, or must be 0"
            raise ValueError(msg)
        return self

    @property
    def solver(self) -> str:
        """The preset that is used where none is named."""
        return self.preset or ("euler20" if self.method == "rectified-flow" else "dpmpp2m-20")


class LicencePlan(_Strict):
    """Licence of the weights."""

    name: str = Field(default="other", pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")
    link: str = ""
    commercial: StrictBool = False


class TrainingPlan(_Strict):
    """All that decides the weights, but for the data.

    Attributes:
        name: of the model.
        seed: of all randomness.
        conditions: columns of the table that the model is given; None for all that vary.
        held_out: share of the subjects that are kept out of training, where the data set has no such split.
        normalise: `percentile` scales each volume so that its 99.5th percentile is 1, `none` takes the window of the
            data set; `auto` is `none` for Hounsfield units and synthetic data, whose intensities mean something.
        precision: of training: `fp32`, `bf16` or `fp16` (mixed).
        device: `auto`, `cpu` or `cuda`.
        judged: samples that are made to calibrate the model, and as many to judge it.
        licence: of the weights.
        autoencoder, generator: the two networks.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")
    seed: StrictInt = Field(default=0, ge=0, lt=2**63)
    conditions: tuple[str, ...] | None = None
    held_out: float = Field(default=0.15, gt=0, lt=1)
    normalise: Literal["auto", "none", "percentile"] = "auto"
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    judged: StrictInt = Field(default=64, ge=8, le=100_000)
    licence: LicencePlan = LicencePlan()
    autoencoder: AutoencoderPlan
    generator: GeneratorPlan


def parse_plan(
    shape: Sequence[int],
    *,
    preset: str = "auto",
    file: Path | None = None,
    sets: Sequence[str] = (),
    given: Mapping[str, Any] | None = None,
    default_name: str = "model",
) -> TrainingPlan:
    """The plan of a preset, changed by a YAML file, then by single fields.

    Args:
        shape: voxels of a volume, by which `auto` chooses.
        preset: a name of `PRESETS`, or `auto`.
        file: YAML with any of the fields of `TrainingPlan`.
        sets: `generator.steps=2000`, `autoencoder.channels=32,64`, ….
        given: fields that are set whatever the others say; None is not given.
        default_name: of the model, where nothing names it.

    Raises:
        RecipeError: a field is unknown or out of range; all problems are told at once.
    """
    if preset != "auto" and preset not in PRESETS:
        msg = f"--preset must be auto, {', '.join(PRESETS)}, got {preset!r}"
        raise RecipeError(msg)
    chosen = preset_for(shape) if preset == "auto" else preset
    fields: dict[str, Any] = {name: dict(part) for name, part in PRESETS[chosen].items()}
    if file is not None:
        merge(fields, read_plan_file(file))
    for change in sets:
        merge(fields, _changed(change))
    fields |= {name: value for name, value in (given or {}).items() if value is not None}
    fields.setdefault("name", default_name)
    return validated(fields, source="the training plan" if file is None else str(file))


def read_plan_file(file: Path) -> dict[str, Any]:
    """The fields of a YAML file.

    Raises:
        RecipeError: it cannot be read, or is no mapping.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{file} cannot be read: {getattr(error, 'strerror', None) or error}; give a YAML file"
        raise RecipeError(msg) from None
    return read_mapping(text, source=str(file))


def merge(fields: dict[str, Any], changes: Mapping[str, Any]) -> None:
    """Puts changes into fields, in place; those of a part leave its other fields as they are."""
    for name, value in changes.items():
        if isinstance(value, dict) and isinstance(fields.get(name), dict):
            merge(fields[name], value)
        else:
            fields[name] = value


def nested(path: Sequence[str], value: Any) -> dict[str, Any]:
    """A change of one field, as `merge` takes it."""
    for part in reversed(path):
        value = {part: value}
    found: dict[str, Any] = value
    return found


def validated(fields: Mapping[str, Any], source: str) -> TrainingPlan:
    """The plan of plain fields.

    Raises:
        RecipeError: see `parse_plan`.
    """
    try:
        return TrainingPlan.model_validate(dict(fields))
    except ValidationError as error:
        raise recipe_error(source, lines_of(error, _fields_at)) from None


def plain_plan(plan: TrainingPlan) -> dict[str, Any]:
    """As JSON and YAML have it."""
    return plan.model_dump(mode="json")


def _changed(change: str) -> dict[str, Any]:
    name, equals, text = change.partition("=")
    path = [part.strip() for part in name.split(".")]
    if not equals or not all(path):
        msg = (
            f"--set must be name=value, for example generator.steps=2000 or autoencoder.channels=32,64, got {change!r}"
        )
        raise RecipeError(msg)
    text = text.strip()
    listed = "," in text and text[0] not in "{['\""
    source = f"--set {change}"
    value: Any = [read_value(part.strip(), source=source) for part in text.split(",")] if listed else None
    value = value if listed else read_value(text, source=source)
    return nested(path, value)


def _fields_at(path: str) -> Sequence[str]:
    parts: dict[str, type[BaseModel]] = {
        "autoencoder": AutoencoderPlan,
        "generator": GeneratorPlan,
        "licence": LicencePlan,
    }
    return tuple(parts.get(path, TrainingPlan).model_fields)
