"""What the checks of a sample find in the training data themselves is no fault of a model that learned from them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ..quality import check_sample
from ..quality.volume import volume_of

if TYPE_CHECKING:
    from ..store import Cohort

__all__ = ["findings_by_design"]

_MOST_LOOKED_AT = 64
_OFTEN = 0.05
"""Share of the volumes that must have a finding."""


def findings_by_design(cohort: Cohort) -> tuple[str, ...]:
    """Reason codes that volumes of a cohort have too, such as FOV_CUT where scans end below the chin.

    Args:
        cohort: real volumes; the first of them are looked at, where there are many.
    """
    spec = cohort.specs["image"]
    count = min(len(cohort), _MOST_LOOKED_AT)
    found: Counter[str] = Counter()
    for row in range(count):
        image = volume_of({"image": cohort.read(row, "image")}, {"image": spec}).image
        found.update(check_sample({"image": image}, {"image": spec}, measured={}, ordered={}))
    return tuple(sorted(code for code, times in found.items() if times > _OFTEN * count))
