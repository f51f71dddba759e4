"""The loop of a stage of training: steps, logs, checkpoints. What a step is, the stage knows.

A step's randomness is a function of the seed and its number, and the state after it is kept, so a training that was
stopped goes on as if it had not been.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import torch

from ..generation.streams import stream_key

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .checkpoints import Checkpoints, Stateful
    from .logs import StageLog

    Tell = Callable[[str, int, int], None]

__all__ = ["LearningRate", "Stage", "run_stage", "set_rate", "step_generator"]

_KEEP_S = 60.0
_LOGGED = 200
"""Lines of a stage's log, about."""
_WARM_UP = 0.05
_LAST = 0.02


class Stage(Protocol):
    """One of the two trainings."""

    name: str
    steps: int

    def parts(self) -> Mapping[str, Stateful]:
        """All that a checkpoint must hold."""
        ...

    def step(self, number: int) -> Mapping[str, torch.Tensor]:
        """One step; gives what is logged, scalars."""
        ...

    def look(self, number: int) -> Mapping[str, float]:
        """Now and then: a picture, and figures of subjects that are held out."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningRate:
    """Rises along a line over the first steps, then falls along half a cosine.

    Attributes:
        highest: at the end of the rise.
        steps: in all.
    """

    highest: float
    steps: int

    def at(self, step: int) -> float:
        """Of a step, from 0."""
        rise = max(1, round(_WARM_UP * self.steps))
        if step < rise:
            return self.highest * (step + 1) / rise
        share = (step - rise) / max(1, self.steps - rise)
        return self.highest * (_LAST + (1 - _LAST) * 0.5 * (1 + math.cos(math.pi * share)))


def set_rate(optimizer: Any, rate: float) -> None:
    """Gives all parameters of an optimiser one learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def step_generator(seed: int, stage: str, step: int, rank: int = 0) -> torch.Generator:
    """The random numbers of one step of one process, on the CPU, whatever the device."""
    return torch.Generator().manual_seed(stream_key(seed, f"{stage}/{step}/{rank}", bits=64) >> 1)


def run_stage(
    stage: Stage, checkpoints: Checkpoints, log: StageLog, *, looks: int, main: bool = True, tell: Tell | None = None
) -> None:
    """Trains a stage to its end, from where it stands.

    Args:
        stage: to train.
        checkpoints: where its state is kept.
        log: of this stage.
        looks: how often it is looked at.
        main: whether this process writes, among several.
        tell: told of the stage, of steps done and of all.
    """
    parts = stage.parts()
    done = checkpoints.restore(parts)
    if main:
        log.rewind(done)
    every, look = max(1, stage.steps // _LOGGED), max(1, stage.steps // looks)
    kept_at = time.monotonic()
    if tell:
        tell(stage.name, done, stage.steps)
    while done < stage.steps:
        figures = stage.step(done)
        done += 1
        last = done == stage.steps
        if main and (done % every == 0 or last):
            log.add(done, {name: float(value.detach()) for name, value in figures.items()})
        if main and (done % look == 0 or last):
            log.add(done, stage.look(done))
        if main and (last or time.monotonic() - kept_at > _KEEP_S):
            checkpoints.save(done, parts)
            kept_at = time.monotonic()
        if tell:
            tell(stage.name, done, stage.steps)
