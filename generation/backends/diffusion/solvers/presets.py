"""Names of solvers in recipes: ``ddim50-leading``, ``dpmpp2m-20``, ``ddpm1000``, ``euler30``, ``euler30-monai``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .....errors import RecipeError
from ..schedules import variance_preserving
from .ddim import Ddim
from .ddpm import Ddpm
from .dpmpp import DpmPlusPlus2M
from .euler import Euler

if TYPE_CHECKING:
    from ..model_card import ScheduleCard
    from .solver import Solver

__all__ = ["solver_of"]

_DIFFUSION = re.compile(r"ddim(?P<ddim>\d+)-leading|dpmpp2m-(?P<dpmpp>\d+)|ddpm(?P<ddpm>\d+)")
_FLOW = re.compile(r"euler(?P<count>\d+)(?P<monai>-monai)?")


def solver_of(preset: str, schedule: ScheduleCard, voxels: int, *, option: str = "preset") -> Solver:
    """The solver that a preset names, for a schedule; N in its name is the number of steps.

    Args:
        preset: see the module's text.
        schedule: of the model.
        voxels: points of a latent, which shift the times of rectified flow.
        option: of a recipe that gave the preset, for errors.

    Raises:
        RecipeError: there is no such preset for this schedule, or not with so many steps.
    """
    if schedule.kind == "rectified-flow":
        return _flow(preset, schedule, voxels, option)
    found = _DIFFUSION.fullmatch(preset)
    if not found:
        msg = f"backend.{option}: must be ddimN-leading, dpmpp2m-N or ddpmN with N steps for this model, got {preset!r}"
        raise RecipeError(msg)
    kind, count = next((name, int(text)) for name, text in found.groupdict().items() if text)
    _check_count(preset, count, schedule.steps, option)
    made = variance_preserving(schedule)
    if kind == "dpmpp":
        return DpmPlusPlus2M.uniform(made, count)
    if schedule.steps % count:
        msg = f"backend.{option}: the steps of {preset!r} must divide the {schedule.steps} of training"
        raise RecipeError(msg)
    return Ddim.leading(made, count) if kind == "ddim" else Ddpm.leading(made, count)


def _flow(preset: str, schedule: ScheduleCard, voxels: int, option: str) -> Solver:
    found = _FLOW.fullmatch(preset)
    if not found:
        msg = f"backend.{option}: must be eulerN, or eulerN-monai, with N steps for this model, got {preset!r}"
        raise RecipeError(msg)
    count = int(found["count"])
    _check_count(preset, count, schedule.steps, option)
    make = Euler.as_monai if found["monai"] else Euler.shifted
    return make(count, steps=schedule.steps, voxels=voxels, base_voxels=schedule.base_voxels or voxels)


def _check_count(preset: str, count: int, most: int, option: str) -> None:
    if not 2 <= count <= most:
        msg = f"backend.{option}: the number of steps must be from 2 to {most}, got {preset!r}"
        raise RecipeError(msg)
