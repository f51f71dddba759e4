"""What a rule asks of a score, as it is written in a profile: `value >= 0.9`, `0.7 <= ratio <= 1.3`, one `or` another.

==============  =========================================================================
`value`         what was measured
`magnitude`     the same without its sign
`lower`         lower end of its 95 % interval
`upper`         upper end
`ratio`         value over floor
`lower_ratio`   lower end over floor
`difference`    value less floor
`distance`      the same without its sign
==============  =========================================================================
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..scores import Score

__all__ = ["WORDS", "Bound", "bounds_text", "parse_bounds", "statistic_of"]

WORDS: Final = {
    "value": "the value",
    "magnitude": "the value without its sign",
    "lower": "the lower end of its interval",
    "upper": "the upper end of its interval",
    "ratio": "the value over the floor",
    "lower_ratio": "the lower end of its interval over the floor",
    "difference": "the value less the floor",
    "distance": "the distance from the floor",
}

_NUMBER: Final = r"-?\d{1,12}(?:\.\d{1,12})?"
_ONE: Final = re.compile(rf"(?P<statistic>[a-z_]+) (?P<sign><=|>=) (?P<number>{_NUMBER})")
_BETWEEN: Final = re.compile(rf"(?P<low>{_NUMBER}) <= (?P<statistic>[a-z_]+) <= (?P<high>{_NUMBER})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """One range of one statistic of a score.

    Attributes:
        statistic: one of `WORDS`.
        low, high: ends that still count; None for none.
    """

    statistic: str
    low: float | None = None
    high: float | None = None

    def holds(self, score: Score) -> bool | None:
        """Whether a score keeps it; None where the score lacks what it asks of, such as a floor."""
        found = statistic_of(score, self.statistic)
        if found is None:
            return None
        return (self.low is None or found >= self.low) and (self.high is None or found <= self.high)

    def __str__(self) -> str:
        what = WORDS[self.statistic]
        if self.low is not None and self.high is not None:
            return f"{what} from {self.low:g} to {self.high:g}"
        return f"{what} at least {self.low:g}" if self.low is not None else f"{what} at most {self.high:g}"


def parse_bounds(text: str) -> tuple[Bound, ...]:
    """Bounds of which one must hold.

    >>> parse_bounds("lower <= 0 or value <= 0.002")[1]
    Bound(statistic='value', low=None, high=0.002)

    Raises:
        ValueError: it is written otherwise.
    """
    return tuple(_parse_bound(part) for part in text.split(" or "))


def statistic_of(score: Score, name: str) -> float | None:
    """A statistic of a score; None where it has no interval or floor, or the floor is not above 0 for a ratio."""
    value, floor = score.value, score.floor
    if value is None:
        return None
    found = {"value": value, "magnitude": abs(value)}
    if score.interval is not None:
        found |= {"lower": score.interval[0], "upper": score.interval[1]}
    if floor is not None:
        found |= {"difference": value - floor, "distance": abs(value - floor)}
        if floor > 0:
            found["ratio"] = value / floor
            if score.interval is not None:
                found["lower_ratio"] = score.interval[0] / floor
    return found.get(name)


def bounds_text(bounds: Sequence[Bound]) -> str:
    """For people."""
    return " or ".join(map(str, bounds))


def _parse_bound(text: str) -> Bound:
    found = _BETWEEN.fullmatch(text.strip()) or _ONE.fullmatch(text.strip())
    if found is None or found["statistic"] not in WORDS:
        msg = f"a bound must be as 'value >= 0.9' or '0.7 <= ratio <= 1.3', of {', '.join(WORDS)}; got {text!r}"
        raise ValueError(msg)
    if found.re is _BETWEEN:
        low, high = float(found["low"]), float(found["high"])
        if low > high:
            msg = f"a range must begin with its lower end, got {text!r}"
            raise ValueError(msg)
        return Bound(statistic=found["statistic"], low=low, high=high)
    number = float(found["number"])
    if found["sign"] == ">=":
        return Bound(statistic=found["statistic"], low=number)
    return Bound(statistic=found["statistic"], high=number)
