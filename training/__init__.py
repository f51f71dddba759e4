"""Training a model on your own scans: `train`, and what it is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .run import sweep, train

if TYPE_CHECKING:
    from .plan import TrainingPlan
    from .training import Trained

__all__ = ["Trained", "TrainingPlan", "sweep", "train"]

_HOMES = {"Trained": "training", "TrainingPlan": "plan"}


def __getattr__(name: str) -> object:
    # torch and monai take seconds to import
    from importlib import import_module

    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
