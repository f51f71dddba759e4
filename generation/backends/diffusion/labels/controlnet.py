"""The network that makes the image, steered by a ControlNet that sees the label map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from .bit_planes import to_bit_planes
from .tumors import without_tumors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Steered", "steering_planes"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Steered:
    """Called as the UNet is; at every step, the ControlNet is asked first.

    So does NV-Generate (`run_controlnet_conditioned_image_dm`, scripts/utils_infer.py). The ControlNet is given the
    latent, the time and the class, but neither spacing nor body regions.

    Attributes:
        unet: `DiffusionModelUNetMaisi`.
        controlnet: `ControlNetMaisi`.
        planes: of the batch, from `steering_planes`.
    """

    unet: Any
    controlnet: Any
    planes: torch.Tensor

    def __call__(
        self,
        latents: torch.Tensor,
        *,
        timesteps: torch.Tensor,
        class_labels: torch.Tensor | None = None,
        **others: torch.Tensor,
    ) -> torch.Tensor:
        """What the UNet predicts for latents `(B, C, x, y, z)` with the ControlNet's residuals added inside it."""
        down, middle = self.controlnet(
            x=latents, timesteps=timesteps, controlnet_cond=self.planes, class_labels=class_labels
        )
        predicted: torch.Tensor = self.unet(
            latents,
            timesteps=timesteps,
            class_labels=class_labels,
            down_block_additional_residuals=down,
            mid_block_additional_residual=middle,
            **others,
        )
        return predicted


def steering_planes(maps: Sequence[NDArray[np.uint8]], *, guided: bool) -> torch.Tensor:
    """What the ControlNet sees of a batch, on the CPU.

    Args:
        maps: label map of each slot, `(x, y, z)`.
        guided: classifier-free guidance asks for every slot a second time; what it leads away from is the same body
            without its tumors, as in NV-Generate's `ldm_conditional_sample_one_image_from_mask`.

    Returns:
        `(B, 8, x, y, z)`, or twice as many slots.
    """
    seen = [*maps, *map(without_tumors, maps)] if guided else maps
    return to_bit_planes(torch.from_numpy(np.stack(seen)))
