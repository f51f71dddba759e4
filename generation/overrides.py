"""Changes to a recipe from the command line: ``--set age=70:85 --set sex=F``.

Which field a change is for:

* the name of a field of the recipe is that field: ``seed=7``, ``image.shape=80,112,80``, ``backend.contrast=T2w``;
* any other name without a dot is a condition: ``age=70:85`` is short for ``conditions.age=70:85``.

What a value means:

=====================  ===============================================================================
for a condition        ``70:85`` a range · ``F`` a value · ``CN,AD`` a choice with equal weights ·
                       ``CN*0.7,AD*0.3`` a choice with weights · ``population`` the published formula ·
                       ``{normal: {mean: 75, sd: 6}}`` or anything else as YAML
for any other field    ``80,112,80`` a list · anything else as YAML
=====================  ===============================================================================
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from ..errors import RecipeError
from ..store.strict_yaml import read_value
from .names import did_you_mean, listed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["FIELDS", "with_overrides"]

FIELDS = (
    "name",
    "version",
    "samples",
    "seed",
    "backend",
    "image",
    "people",
    "conditions",
    "splits",
    "shards",
    "refused",
)
"""The fields of a recipe, as written in YAML."""


def with_overrides(
    mapping: Mapping[str, Any],
    *,
    sets: Sequence[str] = (),
    samples: int | None = None,
    seed: int | None = None,
) -> dict[str, Any]:
    """Copies a recipe's plain data with some fields changed; the module's text has the rules.

    A name that is no field is taken for a condition; whether the backend has it is for `draw_cohort` to say.
    Values are not judged here: validating the result is what names their problems.

    Args:
        mapping: the recipe as read from YAML.
        sets: changes, ``field=value`` or ``condition=value``, applied in their order.
        samples: number of samples, if not None.
        seed: seed, if not None.

    Raises:
        RecipeError: a change has no ``=``, names no field, or would set a part of something that has no parts.
    """
    result = copy.deepcopy(dict(mapping))
    for change in sets:
        name, equals, value = change.partition("=")
        path = tuple(part.strip() for part in name.split("."))
        if not equals or not all(path):
            msg = f"--set must be name=value, for example age=70:85 or image.shape=80,112,80, got {change!r}"
            raise RecipeError(msg)
        _set(result, _full(path, change), value.strip(), change)
    for name, number in (("samples", samples), ("seed", seed)):
        if number is not None:
            result[name] = number
    return result


def _full(path: tuple[str, ...], change: str) -> tuple[str, ...]:
    if path[0] in FIELDS:
        return path
    if len(path) == 1:
        return ("conditions", *path)
    msg = (
        f"--set {change}: {path[0]!r} must be a field of a recipe, which are {listed(FIELDS)}"
        f"{did_you_mean(path[0], FIELDS)} (a part of a condition is conditions.{'.'.join(path)})"
    )
    raise RecipeError(msg)


def _set(mapping: dict[str, Any], path: tuple[str, ...], value: str, change: str) -> None:
    is_condition = len(path) == 2 and path[0] == "conditions"
    parsed = _condition_value(value, change) if is_condition else _field_value(value, change)
    place: dict[Any, Any] = mapping
    for depth, part in enumerate(path[:-1], start=1):
        inner = place.get(part)
        if path[:depth] == ("backend",) and isinstance(inner, str):
            inner = {"name": inner}
        elif path[:depth] in (("people",), ("refused",)) and isinstance(inner, str):
            inner = {"path": inner}
        inner = {} if inner is None else inner
        if not isinstance(inner, dict):
            whole = ".".join(path[:depth])
            msg = f"--set {change}: {whole} is {inner!r}, which has no part {path[depth]!r}; set {whole} as a whole"
            raise RecipeError(msg)
        place[part] = inner
        place = inner
    place[path[-1]] = parsed


def _condition_value(value: str, change: str) -> Any:
    if value[:1] in "{['\"" and value:
        return _yaml(value, change)
    if "," in value or "*" in value:
        return {"choice": _choice(value, change)}
    low, colon, high = value.partition(":")
    if colon:
        bounds = [_yaml(bound.strip(), change) for bound in (low, high)]
        if all(isinstance(bound, int | float) and not isinstance(bound, bool) for bound in bounds):
            return {"range": bounds}
        msg = f"--set {change}: a range must be low:high, two numbers, got {value!r}"
        raise RecipeError(msg)
    return _yaml(value, change)


def _choice(value: str, change: str) -> dict[Any, Any]:
    options: dict[Any, Any] = {}
    for item in value.split(","):
        option, star, weight = (part.strip() for part in item.partition("*"))
        if not option or (star and not weight):
            msg = f"--set {change}: a choice must be value,value or value*weight,value*weight, got {value!r}"
            raise RecipeError(msg)
        parsed = _yaml(option, change)
        if parsed in options:
            msg = f"--set {change}: a choice must name each value once, got {option!r} twice"
            raise RecipeError(msg)
        options[parsed] = _yaml(weight, change) if star else 1
    return options


def _field_value(value: str, change: str) -> Any:
    if "," in value and value[0] not in "{['\"":
        return [_yaml(item.strip(), change) for item in value.split(",")]
    return _yaml(value, change)


def _yaml(value: str, change: str) -> Any:
    return read_value(value, source=f"--set {change}")
