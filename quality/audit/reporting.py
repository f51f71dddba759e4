"""Findings as tables, figures and sentences: aggregates alone, as they are published."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from .excess import share_interval
from .scoring import excesses

if TYPE_CHECKING:
    from .findings import Findings

__all__ = ["figures_of", "notes_of", "tables_of"]

_BINS: Final = 40


def tables_of(findings: Findings) -> dict[str, dict[str, Any]]:
    """Name → columns and rows."""
    return {
        "audit.recall": _recall(findings),
        "audit.rules": _rules(findings),
        "audit.excess": _excess(findings),
        "audit.concentration": _concentration(findings),
    }


def figures_of(findings: Findings) -> dict[str, dict[str, Any]]:
    """Name → what to draw."""
    rules, control = findings.rules, findings.planted
    people = "held out" if findings.held_out else "training, left out"
    distances = {"synthetic": findings.samples.distance, people: findings.holdout.distance}
    ratios = {"synthetic": findings.samples.ratio, people: findings.holdout.ratio}
    title = "Distance to the nearest training volume"
    return {
        "audit.distance": _histogram(
            title, "distance", distances | {"planted copies": control.distance}, rules.distance.threshold
        ),
        "audit.ratio": _histogram(
            "Distance relative to the next neighbours",
            "ratio",
            ratios | {"planted copies": control.ratio},
            rules.ratio.threshold,
        ),
    }


def notes_of(findings: Findings) -> tuple[str, ...]:
    """What limits the audit."""
    notes, rule, people = [], findings.rules.distance, len(findings.holdout)
    if not findings.held_out:
        notes.append(
            "There is no holdout: every training subject was held against all others. Subjects whom the generator "
            "never saw say more."
        )
    if findings.held_out and people < rule.needed:
        notes.append(
            f"{people} held-out subjects are too few for a rule that refuses {2 * rule.wanted:.1%} of new people: it "
            f"needs {rule.needed}. Training subjects, each held against all others, were added to calibrate the rules."
        )
    if rule.is_coarse:
        notes.append(
            f"The rules are calibrated on {findings.calibrated_on} people, {rule.needed} are needed. What is closer "
            f"than the closest of them is refused, by chance {rule.attained:.2%} for each of distance and ratio."
        )
    if findings.unconfirmed:
        notes.append(f"Suspects are not confirmed: {findings.unconfirmed}.")
    return tuple(notes)


def _recall(findings: Findings) -> dict[str, Any]:
    rows = [
        [kind, found, planted, found / planted, *share_interval(found, planted)]
        for kind, (found, planted) in findings.found.items()
    ]
    return {"columns": ["copies", "found", "planted", "recall", "low", "high"], "rows": rows}


def _rules(findings: Findings) -> dict[str, Any]:
    """Thresholds are values of held-out subjects, which say nothing of any one of them."""
    flags = {name: np.count_nonzero(flagged) for name, flagged in findings.rules.flags(findings.samples).items()}
    rules = (findings.rules.distance, findings.rules.ratio, findings.rules.hash_bits)
    rows = [
        [name, rule.threshold, rule.wanted, rule.attained, int(flags[name]), rule.attained * len(findings.samples)]
        for name, rule in zip(("distance", "ratio", "hash"), rules, strict=True)
    ]
    columns = ["rule", "threshold", "wanted", "by chance", "refused", "expected by chance"]
    return {"columns": columns, "rows": rows}


def _excess(findings: Findings) -> dict[str, Any]:
    rows = [
        [found.level, found.close, found.samples, found.value, *found.interval, found.p_value]
        for found in excesses(findings).values()
    ]
    return {"columns": ["quantile", "closer", "samples", "excess", "low", "high", "p"], "rows": rows}


def _concentration(findings: Findings) -> dict[str, Any]:
    """How many samples are close to one training volume, and to how many this happens; not to which."""
    counts = np.unique(findings.samples.row[findings.suspects], return_counts=True)[1]
    rows = [[int(size), int(np.count_nonzero(counts == size))] for size in np.unique(counts)]
    return {"columns": ["samples close to one training volume", "training volumes"], "rows": rows}


def _histogram(title: str, label: str, series: dict[str, Any], limit: float) -> dict[str, Any]:
    edges = np.histogram_bin_edges(np.concatenate(list(series.values())), bins=_BINS)
    shares = {name: (np.histogram(values, bins=edges)[0] / len(values)).tolist() for name, values in series.items()}
    return {
        "kind": "histogram",
        "title": title,
        "x_label": label,
        "y_label": "share",
        "edges": edges.tolist(),
        "series": shares,
        "limits": {"too close": limit},
    }
