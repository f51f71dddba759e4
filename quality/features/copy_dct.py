"""The embedding that sees copies: the low frequencies of a volume, in their places.

Features that are pooled over the volume, as FID uses them, do not see that a volume was copied; coefficients of a
cosine transform, which say what is where, do. Nothing is fitted to data, so nothing of any patient is in the extractor.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from .canvas import canvas_shape, on_canvas

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..volume import Volume

__all__ = ["CopyDct"]

_SIZE_MM: Final = (192.0, 224.0, 192.0)
_SPACING_MM: Final = 2.0
_ORDERS: Final = 12
"""Coefficients along each axis: the finest wave is 35 mm long along x and z and 41 mm along y."""


class CopyDct:
    """`copy_dct`: coefficients 0 to 11 along each axis of the DCT-II of the canvas, without the mean: 1,727 numbers.

    The canvas is centred on the foreground, which takes out shifts, and its intensities are relative, which takes out
    gain. Coefficients are those of the orthonormal transform, not scaled: whoever compares vectors does that by the
    spread of a population. Mirroring a volume left to right changes nothing but the sign of the coefficients that are
    odd along x, so the mirrored vector needs no second pass; see `mirrored`.
    """

    name = "copy_dct"
    width = _ORDERS**3 - 1
    feature_id = f"copy_dct/1/{_ORDERS}x{_ORDERS}x{_ORDERS}/{_SPACING_MM:g}mm"

    def embed(self, volume: Volume) -> NDArray[np.float32]:
        """The vector of a volume; as `FeatureExtractor.embed`."""
        return _transformed(on_canvas(volume, _SIZE_MM, _SPACING_MM).astype(np.float64))

    def mirrored(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """The vectors of the same volumes mirrored left to right.

        Args:
            vectors: `(…, width)`.
        """
        return vectors * _signs()

    def turned(self, vector: NDArray[np.float32]) -> NDArray[np.float32]:
        """How a vector changes with a small rotation of the volume about x, y and z, in 1 / radian, `(3, width)`.

        Args:
            vector: `(width,)`.
        """
        values = np.concatenate([[0.0], vector.astype(np.float64)]).reshape(_ORDERS, _ORDERS, _ORDERS)
        for waves in _waves():
            values = np.tensordot(values, waves, axes=(0, 0))
        slopes = np.gradient(values)
        places = np.meshgrid(*(np.arange(size) - (size - 1) / 2 for size in values.shape), indexing="ij", sparse=True)
        turns = [((axis + 1) % 3, (axis + 2) % 3) for axis in range(3)]
        return np.stack([_transformed(places[u] * slopes[v] - places[v] * slopes[u]) for u, v in turns])


def _transformed(canvas: NDArray[np.float64]) -> NDArray[np.float32]:
    # one axis after the other; after three turns the axes are in their places again
    for waves in _waves():
        canvas = np.tensordot(canvas, waves, axes=(0, 1))
    return canvas.ravel()[1:].astype(np.float32)


@lru_cache(maxsize=1)
def _waves() -> tuple[NDArray[np.float64], ...]:
    """Orthonormal DCT-II along each axis of the canvas, `(orders, voxels)`."""
    found = []
    for voxels in canvas_shape(_SIZE_MM, _SPACING_MM):
        order, place = np.arange(_ORDERS)[:, None], np.arange(voxels)[None]
        waves = np.cos(np.pi * order * (2 * place + 1) / (2 * voxels)) * np.sqrt(2 / voxels)
        waves[0] /= np.sqrt(2)
        found.append(waves)
    return tuple(found)


@lru_cache(maxsize=1)
def _signs() -> NDArray[np.float32]:
    """−1 for coefficients that are odd along x, 1 for the others."""
    along_x = np.where(np.arange(_ORDERS) % 2, -1, 1).astype(np.float32)
    return np.repeat(along_x, _ORDERS**2)[1:]
