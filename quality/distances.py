"""Distances between two sets of vectors, a block at a time: memory does not grow with n·m."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["BLOCK_ROWS", "TILE_ROWS", "Neighbours", "nearest", "squared_distances"]

BLOCK_ROWS = 512
"""Queries of one block: with 100,000 references of 256 numbers, 0.2 GB for the block of distances."""
TILE_ROWS = 4096
"""References at a time in `nearest`: with a block of queries 8 MB of distances, which stay in the cache."""
_SPARE = 4
"""Neighbours kept beyond k until distances are exact: float32 may swap two that are nearly as far."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Neighbours:
    """The nearest references of each query, nearest first.

    Attributes:
        distances: `(n, k)` float32, Euclidean.
        rows: `(n, k)` int64, rows of the references.
    """

    distances: NDArray[np.float32]
    rows: NDArray[np.int64]


def squared_distances(
    queries: NDArray[np.float32], references: NDArray[np.float32], *, block: int = BLOCK_ROWS
) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Squared Euclidean distances of some queries to all references.

    Args:
        queries: `(n, d)`.
        references: `(m, d)`.
        block: queries at a time.

    Yields:
        which queries, and their `(block, m)` distances; the array is used again for the next block.
    """
    _check_widths(queries, references)
    centre = _centre(references)
    moved = np.ascontiguousarray(references - centre, np.float32)
    lengths = np.einsum("ij,ij->i", moved, moved)
    found = np.empty((min(block, len(queries)), len(moved)), np.float32)
    for start in range(0, len(queries), block):
        part = np.ascontiguousarray(queries[start : start + block] - centre, np.float32)
        out = found[: len(part)]
        np.matmul(part, moved.T, out=out)
        out *= -2
        out += lengths
        out += np.einsum("ij,ij->i", part, part)[:, None]
        np.maximum(out, 0, out=out)
        yield slice(start, start + len(part)), out


def nearest(
    queries: NDArray[np.float32],
    references: NDArray[np.float32],
    k: int,
    *,
    same: bool = False,
    block: int = BLOCK_ROWS,
    tile: int = TILE_ROWS,
) -> Neighbours:
    """The exact k nearest references of each query.

    References are gone through a tile at a time, with the best of the tiles before; only what is nearer than the worst
    of those is looked at again, which soon is hardly any. Distances are computed again in float64 for some more than k,
    so that an exact copy has distance 0 and rounding does not decide between neighbours; of equals the first row is
    taken.

    Args:
        queries: `(n, d)`.
        references: `(m, d)`.
        k: how many, at most m (m − 1 where the two are the same).
        same: queries and references are the same vectors, and none is a neighbour of its own.
        block: queries at a time.
        tile: references at a time.

    Raises:
        ValueError: there are too few references.
    """
    most = len(references) - same
    if not 1 <= k <= most:
        msg = f"{k} nearest of {most} references cannot be had; give at least {k + same} references"
        raise ValueError(msg)
    _check_widths(queries, references)
    centre = _centre(references)
    moved = np.ascontiguousarray(references - centre, np.float32)
    targets = _Targets(vectors=moved, lengths=np.einsum("ij,ij->i", moved, moved), tile=tile)
    rows = np.empty((len(queries), k), np.int64)
    distances = np.empty((len(queries), k), np.float32)
    scratch = np.empty(min(block, len(queries)) * min(tile, len(moved)), np.float32)
    for start in range(0, len(queries), block):
        where = slice(start, min(start + block, len(queries)))
        part = np.ascontiguousarray(queries[where] - centre, np.float32)
        own = np.arange(where.start, where.stop) if same else None
        some = _best_rows(part, targets, min(k + _SPARE, most), own, scratch)
        exact = _distances(queries[where], references, some)
        order = np.lexsort((some, exact), axis=1)[:, :k]
        rows[where] = np.take_along_axis(some, order, axis=1)
        distances[where] = np.take_along_axis(exact, order, axis=1)
    return Neighbours(distances=distances, rows=rows)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Targets:
    """References about their centre, with their squared lengths."""

    vectors: NDArray[np.float32]
    lengths: NDArray[np.float32]
    tile: int


def _best_rows(
    queries: NDArray[np.float32],
    targets: _Targets,
    keep: int,
    own: NDArray[np.int64] | None,
    scratch: NDArray[np.float32],
) -> NDArray[np.int64]:
    """Rows of the `keep` nearest references of a block of queries, in no order.

    ‖r‖² − 2 q·r is compared: the squared distance without ‖q‖², which is the same for all references.
    """
    doubled = queries * np.float32(-2)
    best = np.full((len(queries), keep), np.inf, np.float32)
    rows = np.full((len(queries), keep), -1, np.int64)
    for start in range(0, len(targets.vectors), targets.tile):
        part = targets.vectors[start : start + targets.tile]
        scores = scratch[: len(queries) * len(part)].reshape(len(queries), len(part))
        np.matmul(doubled, part.T, out=scores)
        scores += targets.lengths[start : start + targets.tile]
        if own is not None:
            mine = np.flatnonzero((own >= start) & (own < start + len(part)))
            scores[mine, own[mine] - start] = np.inf
        _merge(best, rows, scores, start)
    return rows


def _merge(best: NDArray[np.float32], rows: NDArray[np.int64], scores: NDArray[np.float32], start: int) -> None:
    """Puts what is better than the worst of the best in its place."""
    keep = best.shape[1]
    if rows[0, 0] < 0 and scores.shape[1] > keep:
        found = np.argpartition(scores, keep - 1, axis=1)[:, :keep]
        best[:] = np.take_along_axis(scores, found, axis=1)
        rows[:] = found + start
        return
    flat = np.flatnonzero(scores < best.max(axis=1, keepdims=True))
    query, column = np.divmod(flat, scores.shape[1])
    touched, place = np.unique(query, return_inverse=True)
    owner = np.concatenate([np.repeat(np.arange(len(touched)), keep), place])
    values = np.concatenate([best[touched].ravel(), scores[query, column]])
    candidates = np.concatenate([rows[touched].ravel(), column + start])
    order = np.lexsort((candidates, values, owner))
    firsts = np.searchsorted(owner[order], np.arange(len(touched)))
    chosen = order[firsts[:, None] + np.arange(keep)]
    best[touched], rows[touched] = values[chosen], candidates[chosen]


def _distances(
    queries: NDArray[np.float32], references: NDArray[np.float32], rows: NDArray[np.int64]
) -> NDArray[np.float64]:
    found = np.empty(rows.shape, np.float64)
    for column in range(rows.shape[1]):
        difference = queries.astype(np.float64) - references[rows[:, column]]
        found[:, column] = np.sqrt(np.einsum("ij,ij->i", difference, difference))
    return found


def _centre(references: NDArray[np.float32]) -> NDArray[np.float32]:
    """Distances do not change with the origin, and near zero less is lost by float32."""
    if not len(references):
        return np.zeros(references.shape[1], np.float32)
    centre: NDArray[np.float32] = references.mean(axis=0, dtype=np.float64).astype(np.float32)
    return centre


def _check_widths(queries: NDArray[np.float32], references: NDArray[np.float32]) -> None:
    if queries.ndim != 2 or references.ndim != 2 or queries.shape[1] != references.shape[1]:
        msg = f"two sets of vectors of one width are needed, got {queries.shape} and {references.shape}"
        raise ValueError(msg)
