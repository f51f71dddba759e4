"""The chunks that patches are read from fastest, by what reading them costs. Pure."""

from __future__ import annotations

from itertools import product
from typing import Final

__all__ = ["patch_chunk"]

_PATCH: Final = 80
"""Voxels along each axis of the patch that it is chosen for: between the usual 64 and 96."""
_CHUNK_BYTES: Final = 16 * 2**10
"""To find, check and place a chunk takes as long as unpacking so many bytes of zstd: about 6 µs."""
_COLUMN_BYTES: Final = 8 * 2**10
"""To copy what lies in chunks of one place in y and z: about 3 µs."""
_ROW_BYTES: Final = 20
"""To copy a row along z, however short, takes as long as unpacking so many: about 7 ns."""


def patch_chunk(shape: tuple[int, int, int], itemsize: int) -> tuple[int, int, int]:
    """Chunk of the smallest expected cost of a patch that lies anywhere.

    The costs are those of the planned reader with zstd (docs/performance.md, Random patches). For 160×224×160 bytes it
    is (16, 28, 160): rows along z stay whole, so that few of them are copied.

    Args:
        shape: of a sample.
        itemsize: bytes of a voxel.
    """
    x, y, z = ([step for step in range(1, size + 1) if size % step == 0] for size in shape)
    return min(product(x, y, z), key=lambda chunk: (_cost(shape, chunk, itemsize), chunk))


def _cost(shape: tuple[int, int, int], chunk: tuple[int, int, int], itemsize: int) -> float:
    # mean over all places, borders aside
    x, y, z = (min(size, _PATCH + step - 1) for size, step in zip(shape, chunk, strict=True))
    columns = y / chunk[1] * (z / chunk[2])
    rows = min(shape[0], _PATCH) * min(shape[1], _PATCH) * z / chunk[2]
    return x * y * z * itemsize + x / chunk[0] * columns * _CHUNK_BYTES + columns * _COLUMN_BYTES + rows * _ROW_BYTES
