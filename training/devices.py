"""Devices, mixed precision and several processes, by Accelerate."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from ..errors import RecipeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .plan import TrainingPlan

__all__ = ["accelerated"]

_PRECISION: Final = {"fp32": "no", "bf16": "bf16", "fp16": "fp16"}


@contextmanager
def accelerated(plan: TrainingPlan) -> Iterator[Any]:
    """An `Accelerator` for a plan; ``accelerate launch`` makes it one of several processes.

    Raises:
        RecipeError: Accelerate is not installed, or there is no such device.
    """
    try:
        from accelerate import Accelerator
        from accelerate.state import AcceleratorState
    except ImportError:
        msg = "training needs the package accelerate: pip install 'voxpress[train]'"
        raise RecipeError(msg) from None
    import torch

    if plan.device == "cuda" and not torch.cuda.is_available():
        msg = "device: there is no CUDA device here; say cpu or auto"
        raise RecipeError(msg)
    if plan.precision == "fp16" and (plan.device == "cpu" or not torch.cuda.is_available()):
        msg = "precision: fp16 is for CUDA devices; say bf16 or fp32"
        raise RecipeError(msg)
    # it keeps its first settings for the process; another training may want others
    AcceleratorState._reset_state(reset_partial_state=True)  # noqa: SLF001
    accelerator = Accelerator(cpu=plan.device == "cpu", mixed_precision=_PRECISION[plan.precision])
    try:
        yield accelerator
    finally:
        accelerator.free_memory()
