"""Distances between two sets of vectors, a block at a time: memory does not grow with n·m."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["BLOCK_ROWS", "Neighbours", "nearest", "squared_distances"]

BLOCK_ROWS = 512
"""Queries of one block: with 100,000 references of 256 numbers, 0.2 GB for the block of distances."""


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
    if queries.ndim != 2 or references.ndim != 2 or queries.shape[1] != references.shape[1]:
        msg = f"two sets of vectors of one width are needed, got {queries.shape} and {references.shape}"
        raise ValueError(msg)
    # distances do not change with the origin, and near zero less is lost by float32
    centre = references.mean(axis=0, dtype=np.float64).astype(np.float32) if len(references) else np.float32(0)
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
) -> Neighbours:
    """The exact k nearest references of each query.

    Distances are computed again in float64 for the k that are found, so that an exact copy has distance 0.

    Args:
        queries: `(n, d)`.
        references: `(m, d)`.
        k: how many, at most m (m − 1 where the two are the same).
        same: queries and references are the same vectors, and none is a neighbour of its own.
        block: queries at a time.

    Raises:
        ValueError: there are too few references.
    """
    most = len(references) - same
    if not 1 <= k <= most:
        msg = f"{k} nearest of {most} references cannot be had; give at least {k + same} references"
        raise ValueError(msg)
    rows = np.empty((len(queries), k), np.int64)
    distances = np.empty((len(queries), k), np.float32)
    for where, squared in squared_distances(queries, references, block=block):
        if same:
            squared[np.arange(len(squared)), np.arange(where.start, where.stop)] = np.inf
        some = np.argpartition(squared, k - 1, axis=1)[:, :k]
        exact = _distances(queries[where], references, some)
        order = np.argsort(exact, axis=1, kind="stable")
        rows[where] = np.take_along_axis(some, order, axis=1)
        distances[where] = np.take_along_axis(exact, order, axis=1)
    return Neighbours(distances=distances, rows=rows)


def _distances(
    queries: NDArray[np.float32], references: NDArray[np.float32], rows: NDArray[np.int64]
) -> NDArray[np.float64]:
    found = np.empty(rows.shape, np.float64)
    for column in range(rows.shape[1]):
        difference = queries.astype(np.float64) - references[rows[:, column]]
        found[:, column] = np.sqrt(np.einsum("ij,ij->i", difference, difference))
    return found
