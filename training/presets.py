"""Networks and budgets to start from, by the size of the volumes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["PRESETS", "preset_for"]

PRESETS: Final[Mapping[str, Mapping[str, Mapping[str, Any]]]] = {
    # volumes up to 64³ on a CPU, in minutes
    "small": {
        "autoencoder": {
            "packing": 4, "channels": [64], "latent_channels": 4, "res_blocks": 1, "steps": 2000,
            "batch_size": 2, "learning_rate": 2e-3, "squared_weight": 10.0, "kl_weight": 1e-4,
        },
        "generator": {
            "method": "rectified-flow", "channels": [48, 64], "attention": [False, True], "res_blocks": 1,
            "steps": 5000, "batch_size": 8, "learning_rate": 2e-3, "ema": 0.998, "times": "uniform",
        },
    },
    # about 2 mm, on one GPU, in an hour or a few
    "medium": {
        "autoencoder": {
            "packing": 2, "channels": [64, 64, 64], "latent_channels": 3, "res_blocks": 1, "steps": 20_000,
            "batch_size": 8, "learning_rate": 2e-4, "kl_weight": 1e-4, "adversarial_weight": 0.01,
        },
        "generator": {
            "method": "rectified-flow", "channels": [128, 256, 384], "attention": [False, True, True],
            "res_blocks": 2, "steps": 60_000, "batch_size": 32, "learning_rate": 1e-4, "ema": 0.9995,
        },
    },
    # the networks of Pinaya et al. 2022 for 1 mm, on several GPUs, in days
    "large": {
        "autoencoder": {
            "packing": 1, "channels": [64, 128, 128, 128], "latent_channels": 3, "res_blocks": 2, "steps": 100_000,
            "batch_size": 8, "learning_rate": 5e-5, "kl_weight": 1e-4, "adversarial_weight": 0.005,
            "patch": [80, 112, 80],
        },
        "generator": {
            "method": "diffusion", "channels": [256, 512, 768], "attention": [False, True, True], "res_blocks": 2,
            "steps": 300_000, "batch_size": 32, "learning_rate": 2.5e-5, "ema": 0.9999,
        },
    },
}  # fmt: skip
_SMALL_VOXELS = 64**3
_MEDIUM_VOXELS = 128**3


def preset_for(shape: Sequence[int]) -> str:
    """The preset for volumes of a shape."""
    voxels = math.prod(shape)
    if voxels <= _SMALL_VOXELS:
        return "small"
    return "medium" if voxels <= _MEDIUM_VOXELS else "large"
