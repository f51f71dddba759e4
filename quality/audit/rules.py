"""The three rules by which a sample is too close to a training volume, calibrated on held-out subjects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from .calibration import LowRule, low_rule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from .closeness import Closeness

__all__ = ["LEVEL", "Rules", "rules_of"]

LEVEL: Final = 0.001
"""Of new people that each rule may refuse by chance: a sample that is refused is made again, which is cheap."""
_HASH_BITS: Final = 24
"""Of 256. Measured: a scan that was made again differs in about 20."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Each refuses what lies below its threshold.

    Attributes:
        distance: to the nearest training volume.
        ratio: of that distance to those of its next neighbours.
        hash_bits: that differ from those of a training volume.
    """

    distance: LowRule
    ratio: LowRule
    hash_bits: LowRule

    def flags(self, found: Closeness) -> Mapping[str, NDArray[np.bool_]]:
        """Which volumes each rule refuses."""
        return {
            "distance": self.distance.flags(found.distance),
            "ratio": self.ratio.flags(found.ratio),
            "hash": self.hash_bits.flags(found.hash_bits),
        }

    def flagged(self, found: Closeness) -> NDArray[np.bool_]:
        """Which volumes any rule refuses."""
        return np.logical_or.reduce(list(self.flags(found).values()))


def rules_of(holdout: Closeness, level: float = LEVEL) -> Rules:
    """The rules at a level.

    Args:
        holdout: of people who are not in the training set.
        level: share of them that each rule may refuse.
    """
    hashes = low_rule(holdout.hash_bits, level)
    most = min(hashes.threshold, _HASH_BITS + 1)
    hashes = LowRule(threshold=most, wanted=level, attained=hashes.attained, needed=hashes.needed)
    return Rules(distance=low_rule(holdout.distance, level), ratio=low_rule(holdout.ratio, level), hash_bits=hashes)
