"""How close volumes lie to the training set: the same figures for samples, held-out subjects and planted copies."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final

import numpy as np

from ..distances import nearest
from ..features.copy_dct import CopyDct
from ..features.sign_hash import BITS, hamming_distances, sign_hashes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from ..features.feature_set import FeatureSet
    from .space import AuditSpace

    Vectors = NDArray[np.float32]

__all__ = ["RATIO_NEIGHBOURS", "Closeness", "TrainingSet", "joined"]

RATIO_NEIGHBOURS: Final = 50
"""Training volumes whose mean distance the nearest one is held against (Carlini et al. 2023)."""
_ALPHA: Final = 0.5
_QUERIES: Final = 2048
"""At a time, so that a hundred thousand samples need no more memory than so many."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Closeness:
    """Of some volumes, all `(n,)`; smaller is closer.

    Attributes:
        distance: to the nearest training volume, of the volume or its mirror image.
        ratio: that distance over half the mean distance of the nearest 50: a copy is close where others are not.
        hash_bits: in which the sign hashes of the volume, or its mirror image, and of any training volume differ.
        row: the nearest training volume.
        mirrored: whether the mirror image is what is nearest.
    """

    distance: NDArray[np.float64]
    ratio: NDArray[np.float64]
    hash_bits: NDArray[np.float64]
    row: NDArray[np.int64]
    mirrored: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.distance)


class TrainingSet:
    """What volumes are close to, in the space of the audit.

    Args:
        features: vectors of the training volumes.
        subjects: whom each shows.
        space: fitted to them.
    """

    def __init__(self, features: FeatureSet, subjects: Sequence[str], space: AuditSpace) -> None:
        self.space, self.values = space, features.values
        self.vectors = space.of(features.values)
        self._hashes = sign_hashes(features.values) if isinstance(space.extractor, CopyDct) else None
        _, self.codes = np.unique(np.asarray(subjects), return_inverse=True)
        self._most = int(np.bincount(self.codes).max())

    def __len__(self) -> int:
        return len(self.vectors)

    def closeness(self, values: Vectors, *, tell: Callable[[int, int], None] | None = None) -> Closeness:
        """Closeness of volumes that are not of this set.

        Args:
            values: their vectors, as the extractor made them.
            tell: told of volumes done and of all.
        """
        parts = []
        for start in range(0, len(values), _QUERIES):
            parts.append(self._part(values[start : start + _QUERIES], None))
            if tell is not None:
                tell(min(start + _QUERIES, len(values)), len(values))
        return joined(parts)

    def own_closeness(self, rows: NDArray[np.int64] | None = None) -> Closeness:
        """Closeness of training volumes to those of all other subjects.

        Args:
            rows: which; by default all.
        """
        rows = np.arange(len(self)) if rows is None else rows
        parts = [rows[start : start + _QUERIES] for start in range(0, len(rows), _QUERIES)]
        return joined([self._part(self.values[part], self.codes[part]) for part in parts])

    def _part(self, values: Vectors, own: NDArray[np.int64] | None) -> Closeness:
        both = self.space.of(values), self.space.of_mirrored(values)
        straight, turned = (self._neighbours(vectors, own) for vectors in both)
        mirrored = turned[0][:, 0] < straight[0][:, 0]
        distances = np.where(mirrored[:, None], turned[0], straight[0])
        first, mean = distances[:, 0], np.nanmean(distances, axis=1)
        return Closeness(
            distance=first,
            ratio=np.divide(first, _ALPHA * mean, out=np.zeros_like(first), where=mean > 0),
            hash_bits=self._hash_bits(values, own),
            row=np.where(mirrored, turned[1], straight[1]),
            mirrored=mirrored,
        )

    def _neighbours(
        self, vectors: Vectors, own: NDArray[np.int64] | None
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Distances of the nearest of other subjects, nearest first, and the row of the first."""
        if own is None:
            found = nearest(vectors, self.vectors, min(RATIO_NEIGHBOURS, len(self)))
            return found.distances.astype(np.float64), found.rows[:, 0]
        found = nearest(vectors, self.vectors, min(RATIO_NEIGHBOURS + self._most, len(self)))
        others = self.codes[found.rows] != own[:, None]
        # those of the same subject go to the end
        order = np.argsort(~others, axis=1, kind="stable")[:, :RATIO_NEIGHBOURS]
        distances = np.where(others, found.distances.astype(np.float64), np.nan)
        return np.take_along_axis(distances, order, axis=1), np.take_along_axis(found.rows, order, axis=1)[:, 0]

    def _hash_bits(self, values: Vectors, own: NDArray[np.int64] | None) -> NDArray[np.float64]:
        bits = np.full(len(values), float(BITS))
        if self._hashes is None:
            return bits
        for hashes in (sign_hashes(values), sign_hashes(self.space.extractor.mirrored(values))):
            for where, distances in hamming_distances(hashes, self._hashes):
                if own is not None:
                    distances[own[where][:, None] == self.codes[None]] = BITS
                np.minimum(bits[where], distances.min(axis=1), out=bits[where])
        return bits


def joined(parts: Sequence[Closeness]) -> Closeness:
    """All volumes of several, in their order."""
    columns = {name.name: np.concatenate([getattr(part, name.name) for part in parts]) for name in fields(Closeness)}
    return Closeness(**columns)
