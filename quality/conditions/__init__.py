"""Whether a data set is what was ordered: error and calibration by condition, by subgroup, and across conditions."""

from __future__ import annotations

from .leakage import Intervention, interventions_of
from .scoring import condition_scores

__all__ = ["Intervention", "condition_scores", "interventions_of"]
