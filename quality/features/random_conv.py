"""Features of a random, untrained convolutional network: texture and sharpness as a trained one would see them.

Three 3D convolutions with weights that are the same for ever; of every channel of every layer the mean and the standard
deviation over the canvas. Untrained features are good for distances between distributions that need no anatomy: blur,
noise and mode collapse show, a wrong ventricle does not. Values compare only within one `feature_id`.
"""

from __future__ import annotations

import itertools
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from .canvas import on_canvas

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..volume import Volume

__all__ = ["RandomConv", "weights"]

_SIZE_MM = (192.0, 228.0, 192.0)
_SPACING_MM = 3.0
_CHANNELS = (1, 32, 64, 128)
_KERNEL = 3


class RandomConv:
    """`random_conv`: mean and standard deviation of 32, 64 and 128 channels of a random network, 448 numbers.

    Args:
        seed: of the weights.
    """

    name = "random_conv"
    width = 2 * sum(_CHANNELS[1:])

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.feature_id = f"random_conv/1/seed{seed}/{_SPACING_MM:g}mm"

    def embed(self, volume: Volume) -> NDArray[np.float32]:
        """The vector of a volume; as `FeatureExtractor.embed`."""
        import torch

        canvas = on_canvas(volume, _SIZE_MM, _SPACING_MM)
        threads = torch.get_num_threads()
        # on one thread the sums have one order, and so the same bits on every machine of a kind
        torch.set_num_threads(1)
        try:
            with torch.inference_mode():
                return _pooled(torch.from_numpy(canvas.copy())[None, None], self.seed)
        finally:
            torch.set_num_threads(threads)


def _pooled(values, seed: int) -> NDArray[np.float32]:  # type: ignore[no-untyped-def] # noqa: ANN001
    import torch

    found = []
    for kernel in weights(seed):
        values = torch.relu(torch.nn.functional.conv3d(values, torch.from_numpy(kernel), stride=2, padding=1))
        flat = values[0].flatten(1)
        found += [flat.mean(1), flat.std(1, correction=0)]
    vector: NDArray[np.float32] = torch.cat(found).numpy()
    return vector


@lru_cache(maxsize=4)
def weights(seed: int) -> tuple[NDArray[np.float32], ...]:
    """The kernels of the layers, `(out, in, 3, 3, 3)` each.

    Uniform with the variance that keeps the size of what passes through (He et al. 2015). They come from the raw output
    of Philox, which NumPy promises to keep, so they depend on no version of NumPy or torch.
    """
    counts = [wide * narrow * _KERNEL**3 for narrow, wide in itertools.pairwise(_CHANNELS)]
    raw = np.random.Philox(key=seed).random_raw(sum(counts))
    uniform = ((raw >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-51 - 1
    layers, start = [], 0
    for narrow, wide, count in zip(_CHANNELS, _CHANNELS[1:], counts, strict=False):
        bound = np.sqrt(6 / (narrow * _KERNEL**3))
        kernel = (uniform[start : start + count] * bound).reshape(wide, narrow, *[_KERNEL] * 3)
        layers.append(kernel.astype(np.float32))
        start += count
    return tuple(layers)
