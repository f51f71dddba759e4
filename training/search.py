"""What a sweep tries: a YAML file becomes a list of plans, the same ones every time. Pure.

======================================  =============================================================
in the file                             each experiment has
======================================  =============================================================
``{grid: [1.0e-4, 1.0e-3]}``            one of these; all combinations of all grids are tried
``{choice: [[32, 64], [64, 128]]}``     one of these, drawn
``{uniform: [0.0, 0.2]}``               a number from this range, drawn
``{loguniform: [1.0e-4, 3.0e-3]}``      a number from this range, drawn on the scale of its logarithm
======================================  =============================================================
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ..errors import RecipeError
from ..generation.names import did_you_mean, listed
from ..generation.streams import uniforms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Experiment", "Sweep", "experiments_of", "parse_sweep"]

_FIELDS: Final = ("at_once", "draws", "plan", "search", "seed")
_KINDS: Final = ("grid", "choice", "uniform", "loguniform")
_MOST = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """What a sweep file says.

    Attributes:
        search: field of the plan, such as `generator.learning_rate` → (kind, its values).
        plan: fields that all experiments have.
        draws: experiments for each combination of the grids.
        seed: of what is drawn.
        at_once: experiments at the same time; None for as many as there is room for.
    """

    search: Mapping[str, tuple[str, tuple[Any, ...]]]
    plan: Mapping[str, Any]
    draws: int = 1
    seed: int = 0
    at_once: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """One of them.

    Attributes:
        name: `000-3f2a9c11`: its place, and a digest of what it tries, so that a changed sweep takes no old result.
        changes: field of the plan → value.
    """

    name: str
    changes: Mapping[str, Any]


def parse_sweep(fields: Mapping[str, Any], source: str) -> Sweep:
    """A sweep from plain data.

    Args:
        fields: as read from YAML.
        source: what errors call the file.

    Raises:
        RecipeError: a field is unknown or not well formed.
    """
    for name in fields:
        if name not in _FIELDS:
            hint = did_you_mean(name, _FIELDS)
            msg = f"{source}: {name!r} is not a field of a sweep, which are {listed(_FIELDS)}{hint}"
            raise RecipeError(msg)
    search = fields.get("search")
    if not isinstance(search, dict) or not search:
        msg = (
            f"{source}: search must name at least one field, such as generator.learning_rate: {{grid: [0.0001, 0.001]}}"
        )
        raise RecipeError(msg)
    if not isinstance(fields.get("plan", {}), dict):
        msg = f"{source}: plan must be a mapping of fields, got {fields['plan']!r}"
        raise RecipeError(msg)
    at_once = fields.get("at_once")
    return Sweep(
        search={str(name): _values(str(name), asked, source) for name, asked in search.items()},
        plan=fields.get("plan", {}),
        draws=_whole("draws", fields.get("draws", 1), source),
        seed=_whole("seed", fields.get("seed", 0), source, least=0),
        at_once=None if at_once is None else _whole("at_once", at_once, source),
    )


def experiments_of(sweep: Sweep) -> tuple[Experiment, ...]:
    """All experiments, in order.

    Raises:
        RecipeError: more than anybody would wait for.
    """
    grids = {name: values for name, (kind, values) in sweep.search.items() if kind == "grid"}
    drawn = {name: asked for name, asked in sweep.search.items() if asked[0] != "grid"}
    combinations = list(itertools.product(*grids.values()))
    # without anything to draw, the draws of a combination would be the same
    draws = sweep.draws if drawn else 1
    count = len(combinations) * draws
    if count > _MOST:
        msg = f"the sweep has {count:,} experiments, more than {_MOST:,}: leave out grids, or ask for fewer draws"
        raise RecipeError(msg)
    places = {name: uniforms(sweep.seed, f"sweep/{name}", count) for name in drawn}
    found = []
    for number, (combination, _) in enumerate(itertools.product(combinations, range(draws))):
        changes = dict(zip(grids, combination, strict=True))
        changes |= {name: _drawn(*asked, float(places[name][number])) for name, asked in drawn.items()}
        text = json.dumps([changes, sweep.plan], sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:8]
        found.append(Experiment(name=f"{number:03}-{digest}", changes=changes))
    return tuple(found)


def _drawn(kind: str, values: Sequence[Any], place: float) -> Any:
    if kind == "choice":
        return values[min(int(place * len(values)), len(values) - 1)]
    low, high = (math.log(value) if kind == "loguniform" else value for value in values)
    value = low + place * (high - low)
    return float(f"{math.exp(value) if kind == 'loguniform' else value:.4g}")


def _values(name: str, asked: Any, source: str) -> tuple[str, tuple[Any, ...]]:
    kind = next(iter(asked), "") if isinstance(asked, dict) and len(asked) == 1 else ""
    values = asked[kind] if kind in _KINDS else None
    if not isinstance(values, list) or not values:
        msg = f"{source}: search.{name} must be one of {{{': …}, {'.join(_KINDS)}: …}} with a list, got {asked!r}"
        raise RecipeError(msg)
    if kind in {"uniform", "loguniform"}:
        numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
        sound = len(numbers) == len(values) == 2 and numbers[0] < numbers[1]
        if not sound or (kind == "loguniform" and numbers[0] <= 0):
            above = " above 0" if kind == "loguniform" else ""
            msg = f"{source}: search.{name}.{kind} must be two numbers{above}, the lower one first, got {values!r}"
            raise RecipeError(msg)
    return kind, tuple(values)


def _whole(name: str, value: Any, source: str, least: int = 1) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        msg = f"{source}: {name} must be a whole number from {least}, got {value!r}"
        raise RecipeError(msg)
    return value
