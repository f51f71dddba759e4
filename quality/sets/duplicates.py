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
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["COSINE", "HAMMING", "Duplicate", "exact_duplicates", "hash_words", "near_duplicates"]

HAMMING = 24
"""Bits of 256 that may differ. A second scan of the same anatomy differs in about 20, 99 % of other pairs in over 43
(deformed templates at 3 mm)."""
COSINE = 0.90
"""A second scan of the same anatomy has about .95, and 99 % of pairs of others less than .585 (measured likewise)."""
_ROWS = 128
_COLUMNS = 8192
_PAIRS = 2048


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

    What was found to be a duplicate is not compared with later rows' candidates again, so a set of few distinct samples
    costs no more than one of many.

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
    width = embeddings.shape[1]
    about = np.zeros(width) if centre is None else centre
    scale = np.ones(width) if deviation is None else deviation
    found: dict[int, Duplicate] = {}
    with ThreadPoolExecutor(threads) as pool:
        for start in range(0, len(hashes), _ROWS):
            tiles = range(start, len(hashes), _COLUMNS)
            near = list(pool.map(partial(_near, words, start, hamming=hamming), tiles))
            for pairs in _open_pairs(near, found):
                cosines = _cosines(
                    (embeddings[pairs.earlier] - about) / scale, (embeddings[pairs.later] - about) / scale
                )
                _note(pairs, cosines, cosines > cosine, found)
    return [found[row] for row in sorted(found)]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Pairs:
    """Rows of some pairs, the earlier and the later one, and the bits in which they differ."""

    earlier: NDArray[np.int64]
    later: NDArray[np.int64]
    bits: NDArray[np.int64]

    def __getitem__(self, chosen: slice | NDArray[np.bool_]) -> _Pairs:
        return _Pairs(earlier=self.earlier[chosen], later=self.later[chosen], bits=self.bits[chosen])


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


def _open_pairs(tiles: Sequence[_Pairs], found: Mapping[int, Duplicate]) -> Iterator[_Pairs]:
    """Pairs whose later sample is not known to be a duplicate, earliest first, some thousands at a time."""
    for pairs in tiles:
        for start in range(0, len(pairs.later), _PAIRS):
            some = pairs[start : start + _PAIRS]
            yield some[np.array([row not in found for row in some.later.tolist()], bool)]


def _cosines(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    products = np.einsum("ij,ij->i", a, b)
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    cosines: NDArray[np.float64] = np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 0)
    return cosines


def _note(pairs: _Pairs, cosines: NDArray[np.float64], alike: NDArray[np.bool_], found: dict[int, Duplicate]) -> None:
    """The earliest of those that a row repeats is noted."""
    for place in np.flatnonzero(alike).tolist():
        row = int(pairs.later[place])
        hamming, cosine = int(pairs.bits[place]), float(cosines[place])
        found.setdefault(row, Duplicate(row=row, first=int(pairs.earlier[place]), hamming=hamming, cosine=cosine))
