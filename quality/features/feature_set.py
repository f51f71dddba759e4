"""The vectors of many samples by one extractor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["FeatureSet"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FeatureSet:
    """Vectors in the sequence of the samples.

    Attributes:
        name, feature_id: of the extractor.
        ids: of the samples.
        values: `(n, width)`, finite.

    Raises:
        ValueError: ids and vectors do not belong together, or a vector is not finite.
    """

    name: str
    feature_id: str
    ids: tuple[str, ...]
    values: NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or len(self.values) != len(self.ids):
            msg = (
                f"{self.feature_id}: {len(self.ids)} samples need as many vectors, got an array of {self.values.shape}"
            )
            raise ValueError(msg)
        if not np.isfinite(self.values).all():
            row = int(np.flatnonzero(~np.isfinite(self.values).all(axis=1))[0])
            msg = f"{self.feature_id}: the vector of {self.ids[row]} is not finite; make its features again"
            raise ValueError(msg)

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: Sequence[int] | NDArray[np.int64]) -> FeatureSet:
        """Some of the samples, in the order given."""
        chosen = np.asarray(rows, np.int64)
        ids = tuple(self.ids[row] for row in chosen.tolist())
        return FeatureSet(name=self.name, feature_id=self.feature_id, ids=ids, values=self.values[chosen])
