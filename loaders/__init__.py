"""What training loops read: cohorts as PyTorch streams and datasets of volumes and patches, with MONAI's tensors."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import order
    from .grid_patches import GridPatches
    from .lightning import VolumeDataModule
    from .monai_reader import VoxpressReader, data_list
    from .patches import Foreground, Labels, Uniform, grid_boxes, random_box, shifted_affine
    from .stream import VolumeStream
    from .torchio_subject import subject, subjects
    from .volumes import VolumeDataset

__all__ = [
    "Foreground",
    "GridPatches",
    "Labels",
    "Uniform",
    "VolumeDataModule",
    "VolumeDataset",
    "VolumeStream",
    "VoxpressReader",
    "data_list",
    "grid_boxes",
    "order",
    "random_box",
    "shifted_affine",
    "subject",
    "subjects",
]

_HOMES = {
    "Foreground": "patches",
    "GridPatches": "grid_patches",
    "Labels": "patches",
    "Uniform": "patches",
    "VolumeDataModule": "lightning",
    "VolumeDataset": "volumes",
    "VolumeStream": "stream",
    "VoxpressReader": "monai_reader",
    "data_list": "monai_reader",
    "grid_boxes": "patches",
    "random_box": "patches",
    "shifted_affine": "patches",
    "subject": "torchio_subject",
    "subjects": "torchio_subject",
}


def __getattr__(name: str) -> object:
    # torch and monai take seconds to import, so they wait until something of this room is used
    if name == "order":
        return import_module(".order", __name__)
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return __all__
