"""What a set of samples is like beside a reference: distances, diversity, coverage, duplicates, each with its floor."""

from __future__ import annotations

from .floors import ratio_to_floor
from .ms_ssim import ms_ssim_scores
from .scores import set_scores
from .subgroups import Subgroup, subgroup_scores

__all__ = ["Subgroup", "ms_ssim_scores", "ratio_to_floor", "set_scores", "subgroup_scores"]
