"""The spheres backend as it might be in another release: the same orders, other voxels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from spheres_backend import SpheresBackend

if TYPE_CHECKING:
    from voxpress.generation.backend import Order, Sample


@dataclass
class AlteredBackend(SpheresBackend):
    """Balls of which some voxels are brighter.

    Attributes:
        at: index of the sample; -1 for all.
        steps: by how much, in stored integers of uint8.
        voxels: how many of its image, from the centre of the grid on.
        labels: how many voxels of the ball's label map are background.
    """

    at: int = -1
    steps: int = 1
    voxels: int = 1
    labels: int = 0

    def _sample(self, order: Order) -> Sample:
        sample = super()._sample(order)
        if self.at not in (-1, order.index):
            return sample
        image, label = sample.volumes["image"].copy(), sample.volumes["label"].copy()
        image[np.unravel_index(np.flatnonzero(label)[: self.voxels], label.shape)] += np.float32(self.steps / 255)
        label[np.unravel_index(np.flatnonzero(label)[: self.labels], label.shape)] = 0
        return replace(sample, volumes={"image": image, "label": label})
