"""Suspects at full resolution: rigidly aligned to the training volume that they are near to, voxel against voxel."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from ...errors import QualityError
from .kept_rows import rows_of
from .registration import aligned_ncc

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from ..reference import Reference

__all__ = ["MOST_HOLDOUT_PAIRS", "Pair", "confirmation_threshold", "pair_correlations"]

MOST_HOLDOUT_PAIRS: Final = 100
"""Held-out subjects that are compared at full resolution: those closest to the training set, the hardest to tell."""
_LEVEL: Final = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two volumes to compare: rows of two references.

    Attributes:
        query, train: the rows.
        mirrored: compare with the mirror image of the training volume.
    """

    query: int
    train: int
    mirrored: bool


def pair_correlations(
    queries: Reference,
    train: Reference,
    pairs: Sequence[Pair],
    *,
    cache: Path | None = None,
    workers: int = 1,
    tell: Callable[[int, int], None] | None = None,
) -> NDArray[np.float32]:
    """Correlation of the voxels within the body for each pair, after rigid alignment, `(n,)`.

    Args:
        queries: what the first rows of the pairs are of.
        train: what the others are of.
        pairs: which.
        cache: as for `rows_of`.
        workers: as for `rows_of`.
        tell: as for `rows_of`.

    Raises:
        QualityError: the volumes of a pair cannot be compared.
    """
    work = _Pairs(queries=queries, train=train, pairs=tuple(pairs))
    return rows_of(work, cache, workers=workers, tell=tell)[:, 0]


def confirmation_threshold(holdout: NDArray[np.float32]) -> float:
    """Correlation that no held-out subject has with its nearest training volume, or 0.1 % of them if there are 1,000.

    Args:
        holdout: correlations of held-out pairs, at least one.
    """
    rank = max(int(np.floor(_LEVEL * (len(holdout) + 1))), 1)
    return float(np.sort(holdout)[-rank])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pairs:
    queries: Reference
    train: Reference
    pairs: tuple[Pair, ...]

    width = 1

    @property
    def digest(self) -> str:
        text = repr([(pair.query, pair.train, pair.mirrored) for pair in self.pairs])
        return f"ncc/1 {self.queries.digest} {self.train.digest} {hashlib.sha256(text.encode()).hexdigest()}"

    def __len__(self) -> int:
        return len(self.pairs)

    def row(self, number: int) -> NDArray[np.float32]:
        pair = self.pairs[number]
        fixed, moving = self.queries.volume(pair.query), self.train.volume(pair.train)
        try:
            return np.asarray([aligned_ncc(fixed, moving, mirrored=pair.mirrored)], np.float32)
        except ValueError as error:
            names = f"{self.queries.ids[pair.query]} and {self.train.ids[pair.train]}"
            msg = f"{names} cannot be aligned: {error}"
            raise QualityError(msg) from error
