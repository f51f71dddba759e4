"""What a recipe can say of one condition: a value, a choice, a range, a normal, the population, a column.

========================================  ===========================================================
in the recipe                             type
========================================  ===========================================================
``70`` or ``F``                           `Fixed`
``{choice: {CN: 0.6, AD: 0.4}}``          `Choice`; ``{choice: [CN, AD]}`` has equal weights
``{range: [70, 90]}``                     `Uniform`
``{normal: {mean: 75, sd: 6, min: 60}}``  `Normal`; truncated where ``min`` or ``max`` is given
``population``                            `Population`: the published formula of the condition
``{column: age_at_scan}``                 `Column` of the people file
========================================  ===========================================================

Types say what was asked; `quantiles` turns a uniform number into a value.
"""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Tag, model_validator

from .fields import Number, Scalar, invalid, number, number_or_text
from .names import did_you_mean

__all__ = ["Choice", "Column", "Distribution", "Fixed", "Normal", "Population", "Uniform"]

_FORMS = "a value, population, {choice: …}, {range: [low, high]}, {normal: {mean: …, sd: …}} or {column: …}"


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Fixed(_Strict):
    """The same value in every row."""

    value: Scalar

    @model_validator(mode="before")
    @classmethod
    def _unwrap(cls, raw: Any) -> Any:
        return raw if isinstance(raw, dict | Fixed) else {"value": number_or_text(raw)}

    def to_plain(self) -> Any:
        """As in a recipe."""
        return plain(self.value)


class Choice(_Strict):
    """One of some values, each with its weight.

    Attributes:
        options: (value, weight) in the order given; weights need not sum to 1.
    """

    options: tuple[tuple[Scalar, Number], ...]

    @model_validator(mode="before")
    @classmethod
    def _unwrap(cls, raw: Any) -> Any:
        return {"options": _options(raw["choice"])} if isinstance(raw, dict) and "choice" in raw else raw

    @model_validator(mode="after")
    def _check(self) -> Self:
        weights = [weight for _, weight in self.options]
        if not weights or min(weights) < 0 or sum(weights) <= 0:
            must = "values with weights of 0 or more, one of them above 0"
            raise invalid(must, {plain(value): plain(weight) for value, weight in self.options})
        return self

    def to_plain(self) -> Any:
        """As in a recipe."""
        return {"choice": {plain(value): plain(weight) for value, weight in self.options}}


class Uniform(_Strict):
    """Every number from `low` to `high` alike."""

    low: Number
    high: Number

    @model_validator(mode="before")
    @classmethod
    def _unwrap(cls, raw: Any) -> Any:
        if not isinstance(raw, dict) or "range" not in raw:
            return raw
        bounds = raw["range"]
        must = "[low, high]: two finite numbers with low not above high"
        if not isinstance(bounds, list | tuple) or len(bounds) != 2:
            raise invalid(must, bounds)
        low, high = (number(f"{must}; each a finite number")(bound) for bound in bounds)
        if low > high:
            raise invalid(must, bounds)
        return {"low": low, "high": high}

    def to_plain(self) -> Any:
        """As in a recipe."""
        return {"range": [plain(self.low), plain(self.high)]}


class Normal(_Strict):
    """A normal distribution, truncated where bounds are given."""

    mean: Number
    sd: Annotated[float, BeforeValidator(number("a finite number above 0", above=0))]
    min: Number | None = None
    max: Number | None = None

    @model_validator(mode="before")
    @classmethod
    def _unwrap(cls, raw: Any) -> Any:
        if not isinstance(raw, dict) or "normal" not in raw:
            return raw
        if not isinstance(raw["normal"], dict):
            must = "a mapping with mean and sd, and min or max where it is truncated"
            raise invalid(must, raw["normal"])
        return raw["normal"]

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.min is not None and self.max is not None and self.min >= self.max:
            must = "truncated with min below max"
            raise invalid(must, {"min": self.min, "max": self.max})
        return self

    def to_plain(self) -> Any:
        """As in a recipe."""
        parts = {"mean": self.mean, "sd": self.sd, "min": self.min, "max": self.max}
        return {"normal": {name: plain(value) for name, value in parts.items() if value is not None}}


class Population(_Strict):
    """What the condition's published formula predicts, given the conditions that are drawn before it."""

    @model_validator(mode="before")
    @classmethod
    def _unwrap(cls, raw: Any) -> Any:
        return {} if raw == "population" else raw

    def to_plain(self) -> Any:
        """As in a recipe."""
        return "population"


class Column(_Strict):
    """A column of the people file: row n of the cohort is row n of the file."""

    column: str

    @model_validator(mode="before")
    @classmethod
    def _check(cls, raw: Any) -> Any:
        if isinstance(raw, dict) and not (isinstance(raw.get("column"), str) and raw["column"].strip()):
            must = "the name of a column of the people file"
            raise invalid(must, raw.get("column"))
        return raw

    def to_plain(self) -> Any:
        """As in a recipe."""
        return {"column": self.column}


_KINDS: dict[str, type[_Strict]] = {
    "<value>": Fixed,
    "<population>": Population,
    "choice": Choice,
    "range": Uniform,
    "normal": Normal,
    "column": Column,
}
_KEYS = tuple(kind for kind in _KINDS if not kind.startswith("<"))


def _kind(raw: Any) -> str:
    # The tag becomes part of the path in errors: conditions.age.range; those in <> are left out of it.
    for kind, model in _KINDS.items():
        if isinstance(raw, model):
            return kind
    if isinstance(raw, dict):
        return str(next(iter(raw)))
    return "<population>" if raw == "population" else "<value>"


def _shape(raw: Any) -> Any:
    if isinstance(raw, list | tuple) or raw is None:
        raise invalid(_FORMS, raw)
    if isinstance(raw, dict) and (len(raw) != 1 or next(iter(raw)) not in _KEYS):
        unknown = next((key for key in raw if key not in _KEYS), "")
        raise invalid(_FORMS, raw, hint=did_you_mean(unknown, _KEYS))
    return raw


def _options(raw: Any) -> list[tuple[Any, Any]]:
    if isinstance(raw, list | tuple) and raw:
        pairs = [(value, 1.0) for value in raw]
    elif isinstance(raw, dict) and raw:
        pairs = list(raw.items())
    else:
        must = "{value: weight, …} or [value, …]"
        raise invalid(must, raw)
    checked = [
        (number_or_text(value), number(f"a finite weight of 0 or more for {value}")(weight)) for value, weight in pairs
    ]
    if len({value for value, _ in checked}) < len(checked):
        must = "a choice that names each value once"
        raise invalid(must, raw)
    return checked


def plain(value: float | str) -> float | int | str:
    """A number as a person writes it: 70 rather than 70.0."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value


Distribution = Annotated[
    Annotated[Fixed, Tag("<value>")]
    | Annotated[Population, Tag("<population>")]
    | Annotated[Choice, Tag("choice")]
    | Annotated[Uniform, Tag("range")]
    | Annotated[Normal, Tag("normal")]
    | Annotated[Column, Tag("column")],
    Discriminator(_kind),
    BeforeValidator(_shape),
]
