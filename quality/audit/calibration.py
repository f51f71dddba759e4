"""When is a sample too close? Where fewer than a known share of held-out subjects are.

Held-out subjects and samples are compared with the *same* training set, so a sample that is like a new person has the
same chance as a held-out subject to be the closest of all: the p-value is exact, whatever the number of samples
(conformal prediction: Vovk et al. 2005). A threshold from distances to another set, as published before, is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

__all__ = ["LowRule", "conformal_p", "low_rule"]


def conformal_p(values: Values, holdout: Values) -> Values:
    """Share of held-out subjects that are as close or closer, the sample itself among them: (1 + k) / (n + 1).

    Args:
        values: of samples, smaller is closer.
        holdout: of held-out subjects.
    """
    return (1 + np.searchsorted(np.sort(holdout), values, "right")) / (len(holdout) + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class LowRule:
    """Samples with a value below `threshold` are too close.

    Attributes:
        threshold: a value of a held-out subject.
        wanted: share of new people that it may refuse by chance.
        attained: the share that it does.
        needed: held-out subjects for `wanted`.
    """

    threshold: float
    wanted: float
    attained: float
    needed: int

    @property
    def is_coarse(self) -> bool:
        """Whether there are too few held-out subjects for the share that is wanted."""
        return self.attained > self.wanted

    def flags(self, values: Values) -> NDArray[np.bool_]:
        """Which values are too close."""
        return values < self.threshold


def low_rule(holdout: Values, wanted: float) -> LowRule:
    """The rule that refuses the wanted share of new people by chance; with too few held out, below the closest of them.

    Args:
        holdout: values of held-out subjects, at least one.
        wanted: for example 0.001.
    """
    rank = max(int(np.floor(wanted * (len(holdout) + 1))), 1)
    return LowRule(
        threshold=float(np.sort(holdout)[rank - 1]),
        wanted=wanted,
        attained=rank / (len(holdout) + 1),
        needed=int(np.ceil(1 / wanted)) - 1,
    )
