"""The three rules by which a sample is too close to a training volume, calibrated on held-out subjects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from .calibration import LowRule, low_rule
from .closeness import joined

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from .closeness import Closeness, TrainingSet

__all__ = ["LEVEL", "Rules", "people_for", "rules_of"]

LEVEL: Final = 0.001
"""Of new people that may be refused by chance: a sample that is refused is made again, which is cheap."""
_RULES: Final = 2
"""That refuse by chance, distance and ratio, each half of the level; the hash hardly ever does."""
_HASH_BITS: Final = 24
"""Of 256. Measured: a scan that was made again differs in about 20."""
_STEADY: Final = 10
"""The k-th smallest value stands for a share that is off by 1/√k of it: with so many times as many people, a third."""


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
        flagged: NDArray[np.bool_] = np.logical_or.reduce(list(self.flags(found).values()))
        return flagged


def rules_of(holdout: Closeness, level: float = LEVEL) -> Rules:
    """The rules at a level.

    Args:
        holdout: of people who are not in the training set.
        level: share of them that may be refused.
    """
    level /= _RULES
    hashes = low_rule(holdout.hash_bits, level)
    most = min(hashes.threshold, _HASH_BITS + 1)
    hashes = LowRule(threshold=most, wanted=level, attained=hashes.attained, needed=hashes.needed)
    return Rules(distance=low_rule(holdout.distance, level), ratio=low_rule(holdout.ratio, level), hash_bits=hashes)


def people_for(training: TrainingSet, holdout: Closeness | None, *, level: float = LEVEL, seed: int = 0) -> Closeness:
    """The people on whom the rules are calibrated.

    The holdout, where it is large enough. Where it is not, the threshold would be the one value of the closest of few
    people, and be far off by chance; so training subjects, each held against all others, are added.

    Args:
        training: the training set.
        holdout: closeness of held-out subjects; None if there are none.
        level: of the rules.
        seed: of the choice of training subjects.
    """
    needed = low_rule(np.zeros(1), level / _RULES).needed
    if holdout is not None and len(holdout) >= needed:
        return holdout
    some = np.random.default_rng([seed, 8]).permutation(len(training))[: needed * _STEADY]
    own = training.own_closeness(np.sort(some))
    return own if holdout is None else joined([holdout, own])
