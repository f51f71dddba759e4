"""What a check of a set measured: a number beside its floor. Judging it is the gate's business, not the check's."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Interval", "Score", "Verdict", "not_run"]

Interval = tuple[float, float]
"""Lower and upper end of a 95 % interval."""


class Verdict(StrEnum):
    """What the gate says of a check, and of a data set."""

    PASS = "PASS"  # noqa: S105 - no password
    WARN = "WARN"
    FAIL = "FAIL"
    NOT_RUN = "NOT_RUN"
    INVALID = "INVALID"


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One measured number, or the reason why there is none.

    Attributes:
        id: stable name, dotted, for example `set.kid.random_conv` or `conditions.ccc.age`; thresholds go by it.
        value: None if it was not measured.
        interval: of the value.
        floor: the same statistic between two halves of the reference; None where there can be none.
        floor_interval: of the floor.
        n: what was counted, for example `{"synthetic": 400, "reference": 400}`.
        feature_id: of the features it was computed from; empty for none. Values of other features do not compare.
        unit: of the value; empty for a ratio.
        reason: why it was not measured, and what to do; empty if it was.
    """

    id: str
    value: float | None = None
    interval: Interval | None = None
    floor: float | None = None
    floor_interval: Interval | None = None
    n: Mapping[str, int] = field(default_factory=dict)
    feature_id: str = ""
    unit: str = ""
    reason: str = ""

    def __post_init__(self) -> None:
        if (self.value is None) == (not self.reason):
            found = f"{self.value!r} and {self.reason!r}"
            msg = f"the score {self.id!r} must have a value, or a reason why it has none; got {found}"
            raise ValueError(msg)


def not_run(score_id: str, reason: str, *, feature_id: str = "", n: Mapping[str, int] | None = None) -> Score:
    """The score of a check that could not run.

    Args:
        score_id: of the check.
        reason: why, and what to do.
        feature_id: of the features that it would have used.
        n: what was there.
    """
    return Score(id=score_id, reason=reason, feature_id=feature_id, n=n or {})
