"""What an audit has measured, before it is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .calibration import conformal_p

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .closeness import Closeness
    from .rules import Rules
    from .whole_set import WholeSet

__all__ = ["Findings"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Findings:
    """Everything but who is who.

    Attributes:
        feature_id: of the extractor.
        rules: that refuse a sample.
        samples, holdout, planted: how close they are to the training set.
        held_out: whether there was a holdout; if not, `holdout` is every training subject against all others.
        calibrated_on: people whom the rules are calibrated on.
        kinds: of the planted copies.
        suspects: rows of samples that a rule refuses.
        correlations: of each of them with its training volume after rigid alignment; NaN where it was not computed.
        limit: correlation that held-out subjects do not have with theirs.
        unconfirmed: why no suspect was compared with scans; empty where they were, or where there is none.
        whole: statistics of the whole set.
        train_volumes: how many there are.
    """

    feature_id: str
    rules: Rules
    samples: Closeness
    holdout: Closeness
    held_out: bool
    calibrated_on: int
    planted: Closeness
    kinds: tuple[str, ...]
    suspects: NDArray[np.int64]
    correlations: NDArray[np.float32]
    limit: float
    unconfirmed: str
    whole: WholeSet
    train_volumes: int

    @property
    def p_values(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Of each sample by distance and by ratio."""
        return (
            conformal_p(self.samples.distance, self.holdout.distance),
            conformal_p(self.samples.ratio, self.holdout.ratio),
        )

    @property
    def found(self) -> dict[str, tuple[int, int]]:
        """Kind of planted copy → how many were found, and of how many."""
        flagged, kinds = self.rules.flagged(self.planted), np.asarray(self.kinds)
        return {
            kind: (int(flagged[kinds == kind].sum()), int((kinds == kind).sum())) for kind in dict.fromkeys(self.kinds)
        }

    @property
    def counts(self) -> dict[str, int]:
        """For scores."""
        held = "held_out" if self.held_out else "left_out"
        return {"synthetic": len(self.samples), "train": self.train_volumes, held: len(self.holdout)}
