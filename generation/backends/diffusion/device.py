"""The device that computes, and what of it decides bits."""

from __future__ import annotations

import os
import platform
import warnings
from contextlib import contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import torch

from ....errors import GenerationError, RecipeError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["device_fingerprint", "find_device", "out_of_memory", "same_bits"]


def find_device(name: str) -> torch.device:
    """The device of a recipe's `device`.

    Raises:
        RecipeError: there is no such one here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda"):
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        number = int(name.partition(":")[2] or 0)
        if number >= count:
            msg = f"backend.device: this machine has {count} CUDA devices, got {name!r}; say cpu or auto"
            raise RecipeError(msg)
        # cuBLAS reads it when it is first used; without it, its sums may come in any order
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    return torch.device(name)


def device_fingerprint(device: torch.device, threads: int) -> Mapping[str, str]:
    """The class of the device and the versions of what computes on it; no machine, no number of a device."""
    cudnn: Any = torch.backends.cudnn
    found = {"torch": torch.__version__, "monai": version("monai"), "numpy": version("numpy")}
    if device.type == "cuda":
        return {
            **found,
            "device": torch.cuda.get_device_name(device),
            "cuda": str(torch.version.cuda),
            "cudnn": str(cudnn.version()),
        }
    return {
        **found,
        "device": f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}",
        "threads": str(threads),
    }


@contextmanager
def same_bits(device: torch.device, threads: int) -> Iterator[None]:
    """Within it, the same operation on the same shape gives the same bits; global settings are put back afterwards.

    Args:
        device: that computes.
        threads: of the CPU, if that is it.
    """
    cudnn, matmul, memory = torch.backends.cudnn, torch.backends.cuda.matmul, _deterministic()
    kept = (
        torch.get_num_threads(),
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        (cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32, matmul.allow_tf32),
        memory.fill_uninitialized_memory,
    )
    try:
        if device.type == "cpu":
            torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(mode=True, warn_only=True)
        # only our own empty tensors, all of which are written to
        memory.fill_uninitialized_memory = False
        cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32, matmul.allow_tf32 = True, False, False, False
        with torch.inference_mode(), warnings.catch_warnings():
            # of MONAI and torch about their own internals
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        if device.type == "cpu":
            torch.set_num_threads(kept[0])
        torch.use_deterministic_algorithms(kept[1], warn_only=kept[2])
        cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32, matmul.allow_tf32 = kept[3]
        memory.fill_uninitialized_memory = kept[4]


def _deterministic() -> Any:
    """A module whose one setting torch makes without a type."""
    return torch.utils.deterministic


@contextmanager
def out_of_memory(device: torch.device, micro_batch: int) -> Iterator[None]:
    """Within it, want of memory on the device becomes an error that says what to do."""
    try:
        yield
    except RuntimeError as error:
        # the CPU's allocator has no exception of its own
        if not isinstance(error, torch.OutOfMemoryError) and "can't allocate memory" not in str(error):
            raise
        advice = f"set backend.micro_batch to {micro_batch // 2}" if micro_batch > 1 else "take a larger device"
        msg = (
            f"the device {device} has too little memory for {micro_batch} samples at once: {advice} (a data set that "
            f"is unfinished must keep its micro_batch: it decides bits); {str(error).splitlines()[0][:200]}"
        )
        raise GenerationError(msg) from error
