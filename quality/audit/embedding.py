"""The vectors of all volumes of a reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...errors import QualityError
from ..features.feature_set import FeatureSet
from .kept import KeptReference
from .kept_rows import rows_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from ..features.extractor import FeatureExtractor
    from ..reference import Reference

__all__ = ["embedded"]


def embedded(
    reference: Reference,
    extractor: FeatureExtractor,
    *,
    cache: Path | None = None,
    workers: int = 1,
    tell: Callable[[int, int], None] | None = None,
) -> FeatureSet:
    """Embeds the volumes of a reference, in its order; a volume at a time is in memory in each process.

    Args:
        reference: what is embedded.
        extractor: by what.
        cache: private folder in which the vectors are kept; None for none.
        workers: processes.
        tell: told of volumes done and of all.

    Raises:
        QualityError: a volume cannot be embedded (not finite, empty, constant); the message names it. Or vectors are
            kept in place of the volumes, and they are of another extractor.
    """
    if isinstance(reference, KeptReference):
        if reference.vectors.feature_id == extractor.feature_id:
            return reference.vectors
        reference = reference.readable()
    work = _Embedding(reference=reference, extractor=extractor)
    values = rows_of(work, cache, workers=workers, tell=tell)
    return FeatureSet(name=extractor.name, feature_id=extractor.feature_id, ids=reference.ids, values=values)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Embedding:
    reference: Reference
    extractor: FeatureExtractor

    @property
    def digest(self) -> str:
        return f"embedding {self.reference.digest} {self.extractor.feature_id}"

    @property
    def width(self) -> int:
        return self.extractor.width

    def __len__(self) -> int:
        return len(self.reference)

    def row(self, number: int) -> NDArray[np.float32]:
        volume = self.reference.volume(number)
        try:
            return self.extractor.embed(volume)
        except ValueError as error:
            msg = f"{self.reference.source}: {self.reference.ids[number]} cannot be compared: {error}"
            raise QualityError(msg) from error
