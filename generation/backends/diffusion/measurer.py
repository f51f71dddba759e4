"""Measures of an image that answer conditions: a linear regression on pooled voxels, fitted to training images.

It is no segmentation. How well it measures real images that it has not seen was measured in training and stands in the
model card; where a generator makes what no real image shows, it may be wrong without a word.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.ndimage import gaussian_filter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .model_card import ImageCard

__all__ = ["MOST_SIDE", "Measurer", "pooled", "pooled_shape"]

MOST_SIDE: Final = 32
"""Blocks along an axis: a ventricle of a brain of 160×224×160 voxels still spans several."""

_SMOOTHED_BLOCKS = 1.0


def pooled_shape(shape: Sequence[int]) -> tuple[int, int, int]:
    """Blocks along each axis of a grid: the largest divisor of its side that is at most `MOST_SIDE`.

    >>> pooled_shape((160, 224, 48))
    (32, 32, 24)
    """
    x, y, z = (max(count for count in range(1, MOST_SIDE + 1) if side % count == 0) for side in shape)
    return x, y, z


def pooled(image: NDArray[np.float32], sides: Sequence[int], card: ImageCard) -> NDArray[np.float32]:
    """What the regression sees of an image.

    The mean of each block, above the card's minimum, divided by the mean over all blocks that lie above the card's
    floor, so that a gain of the whole image cancels, and smoothed by a Gaussian of one block: where single folds lie
    says nothing, and without it they are what a regression on many blocks learns. All zeros where no block does.

    Args:
        image: `(x, y, z)` in the unit of the card.
        sides: blocks along each axis, from `pooled_shape`.
        card: of the image.

    Returns:
        `(p,)`, the blocks in C order.
    """
    x, y, z = sides
    blocks = image.reshape(x, image.shape[0] // x, y, image.shape[1] // y, z, image.shape[2] // z)
    means = blocks.mean(axis=(1, 3, 5), dtype=np.float64)
    body = means > card.floor
    if not body.any():
        return np.zeros(means.size, np.float32)
    values = (means - card.minimum) / (means[body] - card.minimum).mean()
    found: NDArray[np.float32] = gaussian_filter(values, _SMOOTHED_BLOCKS).ravel().astype(np.float32)
    return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measurer:
    """A regression; k measures of p pooled voxels.

    Attributes:
        names: of the measures, `(k)`.
        weights: `(k, p)` float32.
        bias: `(k,)`: the values of an image that is the mean.
        mean: `(p,)`: of the pooled training images.
        pooled_shape: blocks along each axis.
        card: of the image.

    Raises:
        ValueError: shapes do not belong together, or a number is not finite.
    """

    names: tuple[str, ...]
    weights: NDArray[Any]
    bias: NDArray[Any]
    mean: NDArray[Any]
    pooled_shape: tuple[int, int, int]
    card: ImageCard

    def __post_init__(self) -> None:
        count, points = len(self.names), int(np.prod(self.pooled_shape))
        wanted = {"weights": (count, points), "bias": (count,), "mean": (points,)}
        for name, shape in wanted.items():
            found = getattr(self, name)
            if found.shape != shape or not np.isfinite(found).all():
                msg = f"{name} must be finite and have the shape {shape}, got {found.shape}"
                raise ValueError(msg)

    def measure(self, image: NDArray[np.float32]) -> dict[str, float]:
        """Name → value, of an image `(x, y, z)`."""
        centred = pooled(image, self.pooled_shape, self.card).astype(np.float64) - self.mean
        # one sum after the other: products of matrices depend on the number of threads
        values = [float((row * centred).sum() + own) for row, own in zip(self.weights, self.bias, strict=True)]
        return dict(zip(self.names, values, strict=True))
