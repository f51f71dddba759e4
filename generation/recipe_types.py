"""The types of a recipe: frozen, validated, and written back as the text that they were read from."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, field_validator, model_validator

from ..errors import RecipeError
from ..store.strict_yaml import dump_mapping
from .backend import Grid
from .distributions import Distribution, Normal, plain
from .fields import invalid, number, text, triple, whole
from .problems import lines_of, recipe_error

__all__ = ["BackendOrder", "ImageOrder", "PeopleFile", "Recipe", "RefusedFile", "ShardOrder"]

_SEMVER = (
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(-(0|[1-9]\d*|\d*[a-zA-Z-][\da-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][\da-zA-Z-]*))*)?(\+[\da-zA-Z-]+(\.[\da-zA-Z-]+)*)?"
)

_Slug = Annotated[
    str, BeforeValidator(text(r"[a-z0-9][a-z0-9._-]{0,95}", "a name of at most 96 of a-z, 0-9, '.', '_' and '-'"))
]
_Version = Annotated[str, BeforeValidator(text(_SEMVER, "a semantic version such as 1.0.0"))]
_Side = triple(whole(8, 1024), "a list of three whole numbers from 8 to 1024, the voxels along x, y and z")
_Spacing = triple(number(above=0), "a list of three numbers above 0, the millimetres along x, y and z")
_SplitName = Annotated[
    str, BeforeValidator(text(r"[a-z][a-z0-9_]{0,63}", "a split's name of a-z, 0-9 and '_' that starts with a letter"))
]
_ConditionName = Annotated[
    str, BeforeValidator(text(r"[a-z][a-z0-9_]*", "a condition's name of a-z, 0-9 and '_' that starts with a letter"))
]
_Fraction = Annotated[float, BeforeValidator(number("a fraction above 0", above=0))]


def _plain_data(raw: Any, where: str = "options") -> Any:
    """A backend's options: plain, finite, with text for keys (``3`` and ``"3"`` are the same key in JSON)."""
    if isinstance(raw, Mapping):
        return {_key(key, raw): _plain_data(value, where) for key, value in raw.items()}
    if isinstance(raw, list | tuple):
        return [_plain_data(value, where) for value in raw]
    if raw is None or isinstance(raw, str | bool):
        return raw
    if isinstance(raw, int):
        return raw
    return number("plain data (text, finite numbers, true or false, lists, mappings)")(raw)


def _key(key: Any, mapping: Mapping[Any, Any]) -> str:
    if isinstance(key, bool) or not isinstance(key, str | int):
        must = "a mapping whose keys are text or whole numbers"
        raise invalid(must, dict(mapping))
    return str(key)


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class BackendOrder(_Strict):
    """Which backend makes the voxels, and what it is told; in a recipe ``atlas`` or ``{name: atlas, option: …}``."""

    name: Annotated[str, BeforeValidator(text(r"[a-z][a-z0-9_-]*", "the name of a backend, such as atlas"))] = "atlas"
    options: Mapping[str, Any] = {}

    @model_validator(mode="before")
    @classmethod
    def _unwrap(cls, raw: Any) -> Any:
        if isinstance(raw, str):
            return {"name": raw}
        if not isinstance(raw, dict | BackendOrder):
            must = "the name of a backend, or a mapping with its name and options"
            raise invalid(must, raw)
        if isinstance(raw, dict) and not isinstance(raw.get("options"), Mapping):
            rest = {key: value for key, value in raw.items() if key != "name"}
            return {"options": rest} | {key: raw[key] for key in raw if key == "name"}
        return raw

    @field_validator("options", mode="before")
    @classmethod
    def _check(cls, raw: Any) -> Any:
        return _plain_data(raw)

    def to_plain(self) -> dict[str, Any]:
        """As in a recipe."""
        return {"name": self.name, **self.options}


_FIELD_OF_VIEW_MM = (160.0, 224.0, 160.0)


class ImageOrder(_Strict):
    """The voxel grid and the stored type; the defaults are those of the 100,000 brains of 2022.

    Of shape and spacing, one that is left out is chosen so that the grid holds their field of view, 160×224×160 mm.
    """

    shape: Annotated[tuple[int, int, int], BeforeValidator(_Side)] = (160, 224, 160)
    spacing_mm: Annotated[tuple[float, float, float], BeforeValidator(_Spacing)] = (1.0, 1.0, 1.0)
    dtype: Literal["uint8", "uint16", "int16"] = "uint8"

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, raw: Any) -> Any:
        if not isinstance(raw, dict) or ("shape" in raw) == ("spacing_mm" in raw):
            return raw
        given = raw.get("shape", raw.get("spacing_mm"))
        if (
            not isinstance(given, list | tuple)
            or len(given) != len(_FIELD_OF_VIEW_MM)
            or not all(map(_positive, given))
        ):
            # told by the field itself
            return raw
        ratios = [side / each for side, each in zip(_FIELD_OF_VIEW_MM, given, strict=True)]
        if "shape" in raw:
            return raw | {"spacing_mm": [round(max(ratios), 6)] * 3}
        return raw | {"shape": [math.ceil(ratio - 1e-6) for ratio in ratios]}

    @field_validator("dtype", mode="before")
    @classmethod
    def _check(cls, raw: Any) -> Any:
        if raw not in ("uint8", "uint16", "int16"):
            must = "uint8, uint16 or int16"
            raise invalid(must, raw)
        return raw


def _positive(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value > 0


class _FileBeside(_Strict):
    """A file that belongs to the order; in a recipe its path, or ``{path: …, sha256: …}`` to hold it to its content."""

    _field: ClassVar[str]
    path: Annotated[str, BeforeValidator(text(r"[^\\:\0]+", "a path"))]
    sha256: Annotated[str, BeforeValidator(text(r"[0-9a-f]{64}", "64 hexadecimal digits, or left out"))]

    @field_validator("path")
    @classmethod
    def _check(cls, path: str) -> str:
        if path.startswith("/") or ".." in path.split("/"):
            must = "a path relative to the recipe's folder, inside it"
            raise invalid(must, path)
        return path

    def check(self, sha256: str) -> None:
        """Holds what was read to what the recipe says.

        Raises:
            RecipeError: the content differs.
        """
        if sha256 != self.sha256:
            msg = (
                f"{self._field}.sha256: must be the SHA-256 of {self.path}, which is {sha256}, got {self.sha256}: "
                "the file is not the one that the recipe was written for"
            )
            raise RecipeError(msg)


class PeopleFile(_FileBeside):
    """The CSV with one row a sample."""

    _field: ClassVar[str] = "people"


class RefusedFile(_FileBeside):
    """The list of refused attempts."""

    _field: ClassVar[str] = "refused"


class ShardOrder(_Strict):
    """How the data set is cut into files."""

    samples: Annotated[int, BeforeValidator(whole(1, 65536))] = 64


class Recipe(_Strict):
    """One order. Equal recipes order the same data set.

    Attributes:
        name: of the data set; part of every sample's id.
        version: semantic version of the data set.
        samples: rows of the cohort.
        seed: all randomness derives from it.
        backend: what makes the voxels.
        image: the grid and stored type of the image.
        people: the CSV whose columns are conditions, if any.
        conditions: condition → its distribution; those left out have the backend's default.
        splits: split → its fraction of the rows, in this order.
        shards: how the data set is cut into files.
        refused: the list of attempts that are not taken, if any.
    """

    name: _Slug
    version: _Version = "1.0.0"
    samples: Annotated[int, BeforeValidator(whole(1, 10_000_000))]
    seed: Annotated[int, BeforeValidator(whole(0, 2**63 - 1))] = 0
    backend: BackendOrder = BackendOrder()
    image: ImageOrder = ImageOrder()
    people: PeopleFile | None = None
    conditions: Mapping[_ConditionName, Distribution] = {}
    splits: Mapping[_SplitName, _Fraction] = {"train": 0.8, "validation": 0.1, "test": 0.1}
    shards: ShardOrder = ShardOrder()
    refused: RefusedFile | None = None

    @field_validator("splits")
    @classmethod
    def _check(cls, splits: Mapping[str, float]) -> Mapping[str, float]:
        total = math.fsum(splits.values())
        if abs(total - 1) > 1e-9:
            must = "fractions that sum to 1"
            raise invalid(must, splits, hint=f", which sum to {total:.9g}")
        return splits

    @property
    def grid(self) -> Grid:
        """The voxel grid, as backends take it."""
        return Grid(shape=self.image.shape, spacing_mm=self.image.spacing_mm)

    def to_plain(self) -> dict[str, Any]:
        """The recipe as plain data in its stable order, defaults spelled out."""
        fields: dict[str, Any] = {
            "name": self.name,
            "version": self.version,
            "samples": self.samples,
            "seed": self.seed,
            "backend": self.backend.to_plain(),
            "image": {
                "shape": list(self.image.shape),
                "spacing_mm": [plain(side) for side in self.image.spacing_mm],
                "dtype": self.image.dtype,
            },
            "conditions": {name: each.to_plain() for name, each in sorted(self.conditions.items())},
            "splits": {name: plain(fraction) for name, fraction in self.splits.items()},
            "shards": {"samples": self.shards.samples},
        }
        if self.people is not None:
            fields["people"] = {"path": self.people.path, "sha256": self.people.sha256}
        if self.refused is not None:
            fields["refused"] = {"path": self.refused.path, "sha256": self.refused.sha256}
        return fields

    def to_yaml(self) -> str:
        """The canonical text: parsed again (in the folder of its people file) it gives an equal recipe."""
        return dump_mapping(self.to_plain())

    @property
    def digest(self) -> str:
        """SHA-256, in hexadecimal, of everything that decides the samples and where each is stored.

        Left out are the version, and where the people file and the refusal list lie: their content is in.
        """
        fields = self.to_plain()
        del fields["version"]
        if self.people is not None:
            fields["people"] = self.people.sha256
        if self.refused is not None:
            fields["refused"] = self.refused.sha256
        canonical = json.dumps(_pairs(fields), ensure_ascii=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(canonical.encode()).hexdigest()

    def replaced(self, **changes: Any) -> Recipe:
        """A copy with some fields changed, validated again.

        Raises:
            RecipeError: a changed field is not well formed.
        """
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        return Recipe.validated(fields | changes, source="the changed recipe")

    @classmethod
    def validated(cls, fields: Mapping[str, Any], *, source: str, problems: Sequence[str] = ()) -> Recipe:
        """Makes a recipe, or tells all that is wrong with it, with what was already found.

        Raises:
            RecipeError: a field is not well formed, or there were problems before; one line a problem.
        """
        try:
            recipe = Recipe.model_validate(dict(fields))
        except ValidationError as error:
            raise recipe_error(source, [*problems, *lines_of(error, _fields_at)]) from None
        if problems:
            raise recipe_error(source, problems)
        return recipe


def _fields_at(path: str) -> tuple[str, ...]:
    models: dict[str, type[BaseModel]] = {
        "": Recipe,
        "backend": BackendOrder,
        "image": ImageOrder,
        "people": PeopleFile,
        "refused": RefusedFile,
        "shards": ShardOrder,
    }
    return tuple((Normal if path.endswith(".normal") else models[path]).model_fields)


def _pairs(value: Any) -> Any:
    """Mappings as lists of pairs: the order of splits and choices decides the samples, and keys may be numbers."""
    if isinstance(value, dict):
        return [[key, _pairs(item)] for key, item in value.items()]
    if isinstance(value, list):
        return [_pairs(item) for item in value]
    return value
