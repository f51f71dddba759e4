"""Whether a condition moves what it should leave alone: the statistics of the paired-seed intervention test.

Samples are made in pairs, with the same seed and conditions but one. What then differs between the two is the work of
that one condition. Ordering another age at the same ventricular volume must not move the ventricles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ..scores import Score, not_run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["FEWEST_PAIRS", "Intervention", "effects", "leakage_scores"]

FEWEST_PAIRS: Final = 5

_NORMAL_95: Final = 1.959964


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervention:
    """One pair: a sample, and the same with one condition changed.

    Attributes:
        condition: that was changed.
        change: by how many standard deviations of what is ordered, with its sign; 1.0 for words.
        base, changed: measure → value of the two.
    """

    condition: str
    change: float
    base: Mapping[str, float]
    changed: Mapping[str, float]


def effects(
    pairs: Sequence[Intervention], spreads: Mapping[str, float]
) -> dict[tuple[str, str], tuple[float, float, int]]:
    """What one standard deviation more of each condition does to each measure, in standard deviations of that.

    Args:
        pairs: of any conditions.
        spreads: measure → standard deviation over the whole data set; measures of none are left out.

    Returns:
        (condition, measure) → mean effect, half of its 95 % interval, pairs; only where there are enough pairs.
    """
    found = {}
    for condition in dict.fromkeys(pair.condition for pair in pairs):
        own = [pair for pair in pairs if pair.condition == condition and pair.change]
        for measure in (name for name, spread in spreads.items() if spread > 0):
            each = _each(own, measure, spreads[measure])
            if len(each) >= FEWEST_PAIRS:
                margin = _NORMAL_95 * float(each.std(ddof=1)) / np.sqrt(len(each))
                found[condition, measure] = (float(each.mean()), float(margin), len(each))
    return found


def leakage_scores(
    pairs: Sequence[Intervention] | None, spreads: Mapping[str, float]
) -> tuple[list[Score], dict[str, Any] | None]:
    """The largest effect of a condition on the measure of another one, and the whole matrix as a table.

    Measures that no condition orders are shown, but not judged: they are what follows from the conditions.

    Args:
        pairs: None where none were made.
        spreads: as for `effects`.
    """
    score_id = "conditions.leakage"
    if pairs is None:
        reason = (
            "no paired samples were made; the intervention test makes some again with one condition changed, "
            "which needs the backend"
        )
        return [not_run(score_id, reason)], None
    matrix = effects(pairs, spreads)
    ordered = {condition for condition, _ in matrix}
    off = {key: value for key, value in matrix.items() if key[0] != key[1] and key[1] in ordered}
    if not off:
        reason = (
            f"at least {FEWEST_PAIRS} pairs for each of two conditions are needed, one of them measured; "
            f"got {len(pairs)} pairs"
        )
        return [not_run(score_id, reason, n={"pairs": len(pairs)})], _table(matrix)
    worst = max(off, key=lambda key: abs(off[key][0]))
    mean, margin, count = off[worst]
    size = abs(mean)
    score = Score(
        id=score_id,
        value=size,
        interval=(max(0.0, size - margin), size + margin),
        n={"pairs": count, "effects": len(off)},
        unit="SD",
    )
    return [score], _table(matrix)


def _each(pairs: Sequence[Intervention], measure: str, spread: float) -> NDArray[np.float64]:
    """Effect of each pair: change of the measure over change of the condition, both in standard deviations."""
    values = [
        (pair.changed[measure] - pair.base[measure]) / spread / pair.change
        for pair in pairs
        if measure in pair.base and measure in pair.changed
    ]
    found = np.array(values, np.float64)
    return found[np.isfinite(found)]


def _table(matrix: Mapping[tuple[str, str], tuple[float, float, int]]) -> dict[str, Any] | None:
    if not matrix:
        return None
    rows = [
        [condition, measure, mean, mean - margin, mean + margin, count]
        for (condition, measure), (mean, margin, count) in matrix.items()
    ]
    return {"columns": ["condition changed", "measure", "effect (SD)", "low", "high", "pairs"], "rows": rows}
