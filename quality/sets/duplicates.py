"""Samples of one set that are the same, or nearly.

Exactly: equal digests of the voxels. Nearly: sign hashes of 256 bits that differ in at most 24, and then a cosine of
the copy embeddings above .90. The hash makes all pairs of 100,000 samples feasible; the cosine decides. The first of
the samples that are the same is kept.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["COSINE", "HAMMING", "Duplicate", "exact_duplicates", "hash_words", "near_duplicates"]

HAMMING = 24
"""Bits of 256 that may differ. A second scan of the same anatomy differs in about 20, 99 % of other pairs in over 43
(deformed templates at 3 mm)."""
COSINE = 0.90
"""A second scan of the same anatomy has about .95, and 99 % of pairs of others less than .585 (measured likewise)."""
_ROWS = 128
_COLUMNS = 8192
_LATER = 1024
"""Later samples whose cosines are taken at a time: 14 MB of copy embeddings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicate:
    """A sample that repeats an earlier one.

    Attributes:
        row: of the later one, which is the one to leave out.
        first: row of the earlier one.
        hamming: bits in which the hashes differ; None for an exact duplicate.
        cosine: of the copy embeddings; None for an exact duplicate.
    """

    row: int
    first: int
    hamming: int | None = None
    cosine: float | None = None


def exact_duplicates(digests: Sequence[str]) -> list[Duplicate]:
    """Every sample whose digest an earlier one has."""
    first: dict[str, int] = {}
    pairs = ((row, first.setdefault(digest, row)) for row, digest in enumerate(digests))
    return [Duplicate(row=row, first=earlier) for row, earlier in pairs if row != earlier]


def hash_words(hashes: NDArray[np.float32] | NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Hashes as words of 64 bits.

    Args:
        hashes: `(n, 8·w)` whole numbers from 0 to 255, one a byte, as in the features `sign_hash`.

    Returns:
        `(n, w)`.

    Raises:
        ValueError: what is given are no bytes, or not whole words.
    """
    if hashes.ndim != 2 or not hashes.shape[1] or hashes.shape[1] % 8:
        msg = f"hashes must have a multiple of 8 bytes, one a column; got an array of {hashes.shape}"
        raise ValueError(msg)
    packed = np.ascontiguousarray(hashes, np.uint8)
    if not np.array_equal(packed, hashes):
        msg = "hashes must be whole numbers from 0 to 255, one a byte; make the features `sign_hash` again"
        raise ValueError(msg)
    return packed.view(np.uint64)


def near_duplicates(
    hashes: NDArray[np.uint64],
    embeddings: NDArray[np.float32],
    *,
    centre: NDArray[np.float64] | None = None,
    deviation: NDArray[np.float64] | None = None,
    hamming: int = HAMMING,
    cosine: float = COSINE,
    threads: int = 2,
) -> list[Duplicate]:
    """Every sample that an earlier one is nearly the same as; all pairs are compared, a block at a time.

    Where hashes are all alike, cosines of all pairs are needed, and are taken a block at a time; what was found to be a
    duplicate is not compared again.

    Args:
        hashes: `(n, w)`; see `hash_words`.
        embeddings: `(n, d)` copy embeddings of the same samples.
        centre: `(d,)` mean of a population, which cosines are taken about: what all have in common is no likeness.
        deviation: `(d,)` standard deviation in it, in which differences count.
        hamming: most bits that differ.
        cosine: least that it must exceed.
        threads: that count bits; the outcome does not depend on it.

    Returns:
        in the sequence of their rows, each with the earliest of those that it repeats.

    Raises:
        ValueError: hashes and embeddings are not of the same samples.
    """
    if len(hashes) != len(embeddings):
        msg = f"{len(hashes)} hashes and {len(embeddings)} embeddings: give both of the same samples"
        raise ValueError(msg)
    words = np.ascontiguousarray(hashes.T)
    vectors = _Vectors(embeddings=embeddings, centre=centre, deviation=deviation)
    found: dict[int, Duplicate] = {}
    with ThreadPoolExecutor(threads) as pool:
        for start in range(0, len(hashes), _ROWS):
            tiles = range(start, len(hashes), _COLUMNS)
            for pairs in pool.map(partial(_near, words, start, hamming=hamming), tiles):
                _note(pairs, vectors, cosine, found)
    return [found[row] for row in sorted(found)]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Pairs:
    """Rows of some pairs, the earlier and the later one, and the bits in which they differ."""

    earlier: NDArray[np.int64]
    later: NDArray[np.int64]
    bits: NDArray[np.int64]

    def __getitem__(self, chosen: NDArray[np.bool_]) -> _Pairs:
        return _Pairs(earlier=self.earlier[chosen], later=self.later[chosen], bits=self.bits[chosen])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Vectors:
    """Embeddings about a centre, in deviations."""

    embeddings: NDArray[np.float32]
    centre: NDArray[np.float64] | None
    deviation: NDArray[np.float64] | None

    def unit(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """`(n, d)` vectors of length 1, or 0 where there is nothing but the centre."""
        vectors = self.embeddings[rows].astype(np.float64)
        if self.centre is not None:
            vectors -= self.centre
        if self.deviation is not None:
            vectors /= self.deviation
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        np.divide(vectors, lengths, out=vectors, where=lengths > 0)
        return vectors


def _near(words: NDArray[np.uint64], row: int, column: int, *, hamming: int) -> _Pairs:
    """The pairs of a tile of the matrix of all pairs, above its diagonal."""
    rows, columns = words[:, row : row + _ROWS], words[:, column : column + _COLUMNS]
    differing = np.zeros((rows.shape[1], columns.shape[1]), np.uint16)
    scratch = np.empty(differing.shape, np.uint64)
    for a, b in zip(rows, columns, strict=True):
        np.bitwise_xor(a[:, None], b[None, :], out=scratch)
        differing += np.bitwise_count(scratch)
    earlier, later = np.divmod(np.flatnonzero(differing <= hamming), differing.shape[1])
    bits = differing[earlier, later].astype(np.int64)
    earlier, later = earlier + row, later + column
    return _Pairs(earlier=earlier, later=later, bits=bits)[later > earlier]


def _note(pairs: _Pairs, vectors: _Vectors, cosine: float, found: dict[int, Duplicate]) -> None:
    """Notes the earliest sample that each later one repeats, of pairs with the earliest first."""
    pairs = pairs[~np.isin(pairs.later, np.fromiter(found, np.int64))]
    earlier, later = np.unique(pairs.earlier), np.unique(pairs.later)
    units = vectors.unit(earlier)
    for start in range(0, len(later), _LATER):
        columns = later[start : start + _LATER]
        some = pairs[(pairs.later >= columns[0]) & (pairs.later <= columns[-1])]
        cosines = units @ vectors.unit(columns).T
        cosines = cosines[np.searchsorted(earlier, some.earlier), np.searchsorted(columns, some.later)]
        for place in np.flatnonzero(cosines > cosine).tolist():
            row, first, bits = (int(each[place]) for each in (some.later, some.earlier, some.bits))
            found.setdefault(row, Duplicate(row=row, first=first, hamming=bits, cosine=float(cosines[place])))
