"""Whether a condition moves what it should leave alone: the statistics of the paired-seed intervention test.

Samples are made in pairs, with the same seed and conditions but one. What then differs between the two is the work of
that one condition. Ordering another age at the same ventricular volume must not move the ventricles.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ..scores import Score, not_run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["FEWEST_PAIRS", "Intervention", "effects", "interventions_of", "leakage_scores"]

FEWEST_PAIRS: Final = 5

_NORMAL_95: Final = 1.959964


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervention:
    """One pair: a sample, and the same with one condition changed.

    Attributes:
        condition: that was changed.
        change: by how many standard deviations of what is ordered, with its sign; 1.0 for words.
        base, changed: measure → value of the two.
        to: the word that it became; empty for numbers. Each word has effects of its own, as those of F to M and of M to
            F would cancel.
    """

    condition: str
    change: float
    base: Mapping[str, float]
    changed: Mapping[str, float]
    to: str = ""

    @property
    def label(self) -> str:
        """What was done, for people."""
        return f"{self.condition} to {self.to}" if self.to else self.condition


def interventions_of(table: pa.Table) -> tuple[Intervention, ...]:
    """The pairs of a table of `voxpress.generation.intervention`.

    Args:
        table: one row a pair: `changed`, `delta` or `to`, and `before_…` and `after_…` of each measure; its metadata
            has as JSON `sd`, the standard deviation of what is ordered of each condition of numbers.
    """
    spreads = json.loads((table.schema.metadata or {}).get(b"sd", b"{}"))
    measures = [name.removeprefix("before_") for name in table.column_names if name.startswith("before_")]
    return tuple(
        Intervention(
            condition=row["changed"],
            change=1.0 if row["delta"] is None else row["delta"] / spreads[row["changed"]],
            base={name: row[f"before_{name}"] for name in measures},
            changed={name: row[f"after_{name}"] for name in measures},
            to=row["to"] or "",
        )
        for row in table.to_pylist()
    )


def effects(
    pairs: Sequence[Intervention], spreads: Mapping[str, float]
) -> dict[tuple[str, str], tuple[float, float, int]]:
    """What one standard deviation more of each condition does to each measure, in standard deviations of that.

    Args:
        pairs: of any conditions.
        spreads: measure → standard deviation over the whole data set; measures of none are left out.

    Returns:
        (label of the condition, measure) → mean effect, half of its 95 % interval, pairs; only where there are enough.
    """
    found = {}
    for label in dict.fromkeys(pair.label for pair in pairs):
        own = [pair for pair in pairs if pair.label == label and pair.change]
        for measure in (name for name, spread in spreads.items() if spread > 0):
            each = _each(own, measure, spreads[measure])
            if len(each) >= FEWEST_PAIRS:
                margin = _NORMAL_95 * float(each.std(ddof=1)) / np.sqrt(len(each))
                found[label, measure] = (float(each.mean()), float(margin), len(each))
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
    conditions = {pair.label: pair.condition for pair in pairs}
    ordered = {conditions[label] for label, _ in matrix}
    off = {key: value for key, value in matrix.items() if conditions[key[0]] != key[1] and key[1] in ordered}
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
