"""Vectors of volumes that come one after the other, by some extractors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..quality.features import FeatureSet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ..quality.features import FeatureExtractor
    from ..quality.volume import Volume

__all__ = ["Vectors"]


class Vectors:
    """Collects them; an extractor that cannot take one of the volumes is left out.

    Args:
        extractors: to embed by.
    """

    def __init__(self, extractors: Sequence[FeatureExtractor]) -> None:
        self._rows: dict[str, tuple[FeatureExtractor, list[NDArray[np.float32]]]] = {
            each.name: (each, []) for each in extractors
        }

    def add(self, volume: Volume) -> None:
        """The next volume."""
        for name, (extractor, rows) in list(self._rows.items()):
            try:
                rows.append(extractor.embed(volume))
            except ValueError:
                del self._rows[name]

    def features(self, ids: tuple[str, ...]) -> dict[str, FeatureSet]:
        """Extractor → the vectors of all volumes, which have these ids."""
        return {
            name: FeatureSet(name=name, feature_id=extractor.feature_id, ids=ids, values=np.stack(rows))
            for name, (extractor, rows) in self._rows.items()
            if rows
        }
