"""A hash of 256 bits that near copies nearly share: the signs of some coefficients of `copy_dct`.

It finds duplicates among very many volumes: a bit pattern of 32 bytes a volume, compared by counting bits that differ.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from .copy_dct import CopyDct

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ..volume import Volume

__all__ = ["BITS", "SignHash", "hamming_distances", "nearest_hash", "sign_hashes"]

BITS: Final = 256
_BYTES: Final = BITS // 8
_BLOCK_ROWS: Final = 256
_SEED: Final = 20220614


class SignHash:
    """`sign_hash`: the hash of a volume as 32 numbers from 0 to 255, one a byte, so that it is a vector as others are.

    Where `copy_dct` vectors are kept, `sign_hashes` gives the same without the volumes.
    """

    name = "sign_hash"
    width = _BYTES
    feature_id = f"sign_hash/1/{BITS}/{CopyDct.feature_id}"

    def embed(self, volume: Volume) -> NDArray[np.float32]:
        """The bytes of a volume's hash; as `FeatureExtractor.embed`."""
        hashed: NDArray[np.float32] = sign_hashes(CopyDct().embed(volume)[None])[0].astype(np.float32)
        return hashed

    def mirrored(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """The hashes of the same volumes mirrored left to right.

        Args:
            vectors: `(n, 32)`, as of `embed`.
        """
        # odd coefficients change their sign, so their bits turn
        turned = np.packbits(CopyDct().mirrored(np.ones(CopyDct.width, np.float32))[_chosen()] < 0)
        mirrored: NDArray[np.float32] = (vectors.astype(np.uint8) ^ turned).astype(np.float32)
        return mirrored


def sign_hashes(vectors: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Hashes of vectors of `CopyDct`.

    Args:
        vectors: `(n, 1727)`.

    Returns:
        `(n, 32)` uint8.
    """
    return np.packbits(vectors[:, _chosen()] > 0, axis=1)


def hamming_distances(
    queries: NDArray[np.uint8], references: NDArray[np.uint8], *, block: int = _BLOCK_ROWS
) -> Iterator[tuple[slice, NDArray[np.uint16]]]:
    """Bits in which some hashes differ from all references.

    Args:
        queries: `(n, 32)` uint8.
        references: `(m, 32)` uint8.
        block: queries at a time.

    Yields:
        which queries, and their `(block, m)` distances; the array is used again for the next block.
    """
    words, others = _words(queries), _words(references)
    found = np.empty((min(block, len(words)), len(others)), np.uint16)
    for start in range(0, len(words), block):
        part = words[start : start + block]
        out = found[: len(part)]
        out[:] = 0
        for word in range(words.shape[1]):
            out += np.bitwise_count(part[:, word, None] ^ others[None, :, word])
        yield slice(start, start + len(part)), out


def nearest_hash(
    queries: NDArray[np.uint8], references: NDArray[np.uint8], *, same: bool = False
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The nearest reference of each hash.

    Args:
        queries: `(n, 32)` uint8.
        references: `(m, 32)` uint8.
        same: queries and references are the same hashes, and none is a neighbour of its own.

    Returns:
        bits that differ, and rows of the references, both `(n,)`.

    Raises:
        ValueError: there is no reference.
    """
    if len(references) - same < 1:
        msg = f"no neighbour among {len(references)} references; give at least {1 + same}"
        raise ValueError(msg)
    bits, rows = np.empty(len(queries), np.int64), np.empty(len(queries), np.int64)
    for where, distances in hamming_distances(queries, references):
        if same:
            distances[np.arange(len(distances)), np.arange(where.start, where.stop)] = BITS + 1
        rows[where] = distances.argmin(axis=1)
        bits[where] = np.take_along_axis(distances, rows[where][:, None], axis=1)[:, 0]
    return bits, rows


def _words(hashes: NDArray[np.uint8]) -> NDArray[np.uint64]:
    return np.ascontiguousarray(hashes, np.uint8).view(np.uint64)


@lru_cache(maxsize=1)
def _chosen() -> NDArray[np.int64]:
    """Which coefficients give a bit: spread at random, but the same for ever, over all but the lowest orders."""
    order = np.random.default_rng(_SEED).permutation(CopyDct.width)
    return np.sort(order[:BITS])
