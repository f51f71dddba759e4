"""What training loops read: cohorts as PyTorch datasets of volumes and patches, with MONAI's tensors."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .patches import grid_boxes, random_box, shifted_affine
    from .stream import VolumeStream
    from .volumes import VolumeDataset

__all__ = ["VolumeDataset", "VolumeStream", "grid_boxes", "random_box", "shifted_affine"]

_HOMES = {
    "VolumeDataset": "volumes",
    "VolumeStream": "stream",
    "grid_boxes": "patches",
    "random_box": "patches",
    "shifted_affine": "patches",
}


def __getattr__(name: str) -> object:
    # torch and monai take seconds to import, so they wait until something of this room is used
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return __all__
