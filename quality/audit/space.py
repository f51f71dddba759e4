"""The space in which distances are taken: coefficients by their spread among the training volumes, without pose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

import numpy as np

from ...errors import QualityError
from ..features.extractor import FeatureExtractor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..features.feature_set import FeatureSet

    Vectors = NDArray[np.float32]

__all__ = ["AuditSpace", "CopyExtractor", "audit_space"]

_BLOCK: Final = 4096
_FLAT: Final = 1e-6
"""A coefficient whose spread is this share of the largest is the same in everybody, and says nothing."""


@runtime_checkable
class CopyExtractor(FeatureExtractor, Protocol):
    """An extractor for audits: it also knows the vector of a mirrored volume, and what turning a head does."""

    def mirrored(self, vectors: Vectors) -> Vectors:
        """Vectors of the same volumes mirrored left to right, `(n, width)`."""
        ...

    def turned(self, vector: Vectors) -> Vectors:
        """How a vector changes with small rotations about x, y and z, `(3, width)`, or `(0, width)`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AuditSpace:
    """A map of vectors, fitted to the training set alone, so that samples and held-out subjects are treated alike.

    Attributes:
        extractor: of the vectors.
        kept: coefficients that differ between people, `(width,)` bool.
        mean, spread: of these, `(d,)`.
        poses: orthonormal directions of small rotations, `(r, d)`.
    """

    extractor: CopyExtractor
    kept: NDArray[np.bool_]
    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    poses: NDArray[np.float64]

    def of(self, vectors: Vectors) -> Vectors:
        """Vectors in this space, `(n, d)` of length 1."""
        found = np.empty((len(vectors), len(self.mean)), np.float32)
        for start in range(0, len(vectors), _BLOCK):
            part = (vectors[start : start + _BLOCK, self.kept].astype(np.float64) - self.mean) / self.spread
            part -= (part @ self.poses.T) @ self.poses
            part /= np.maximum(np.linalg.norm(part, axis=1, keepdims=True), np.finfo(np.float32).tiny)
            found[start : start + _BLOCK] = part
        return found

    def of_mirrored(self, vectors: Vectors) -> Vectors:
        """Mirrored volumes in this space."""
        return self.of(self.extractor.mirrored(vectors))


def audit_space(train: FeatureSet, extractor: CopyExtractor) -> AuditSpace:
    """Fits the space.

    Args:
        train: vectors of the training set.
        extractor: that made them.

    Raises:
        QualityError: no coefficient differs between the training volumes.
    """
    mean = train.values.mean(axis=0, dtype=np.float64)
    spread = train.values.std(axis=0, dtype=np.float64)
    kept = spread > _FLAT * spread.max()
    if not spread.max() > 0 or not kept.any():
        msg = f"all {len(train)} training volumes have the same {train.feature_id}; give volumes that differ"
        raise QualityError(msg)
    turns = extractor.turned(mean.astype(np.float32))[:, kept].astype(np.float64) / spread[kept]
    poses = np.linalg.qr(turns.T)[0].T if len(turns) else turns
    return AuditSpace(extractor=extractor, kept=kept, mean=mean[kept], spread=spread[kept], poses=poses)
