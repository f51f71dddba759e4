"""Findings as scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from ..scores import Score, not_run
from .excess import Excess, copy_excess, share_interval

if TYPE_CHECKING:
    from .findings import Findings

__all__ = ["EXCESS_LEVELS", "audit_scores", "excesses", "not_audited"]

EXCESS_LEVELS: Final = {"copy_excess": 0.01, "copy_excess_wide": 0.05}
"""Score → quantile of the holdout's distances."""
_HOLDOUT_ONLY: Final = ("closer_share", "privacy_loss", "membership_auc")
_IDS: Final = {"closer_share": "dcr_share"}
_ALL: Final = (
    "positive_control",
    *EXCESS_LEVELS,
    "flagged_share",
    "confirmed_share",
    "extractable_share",
    "copy_auc",
    "data_copying",
    "authenticity",
    "dcr_share",
    "privacy_loss",
    "membership_auc",
)
_NO_HOLDOUT: Final = "no holdout was given; give volumes of subjects that the generator never saw"
_TOO_FEW: Final = "no cell of the training set holds enough samples and held-out subjects; give more of both"


def not_audited(reason: str, feature_id: str) -> tuple[Score, ...]:
    """Every score of an audit that could not run.

    Args:
        reason: why, and what to do.
        feature_id: of the features that it would have used.
    """
    return tuple(not_run(f"audit.{name}", reason, feature_id=feature_id) for name in _ALL)


def audit_scores(findings: Findings) -> tuple[Score, ...]:
    """Every score of an audit."""
    return (*_control(findings), *_excess(findings), *_shares(findings), *_whole(findings))


def excesses(findings: Findings) -> dict[str, Excess]:
    """Score → excess of close samples."""
    samples, holdout = findings.samples.distance, findings.holdout.distance
    return {name: copy_excess(samples, holdout, level) for name, level in EXCESS_LEVELS.items()}


def _control(findings: Findings) -> list[Score]:
    found = findings.found
    caught, planted = (sum(column) for column in zip(*found.values(), strict=True))
    counted = {"audit.positive_control": (caught, planted)}
    counted |= {f"audit.recall.{kind}": counts for kind, counts in found.items()}
    return [_share(name, *counts, findings, "planted") for name, counts in counted.items()]


def _excess(findings: Findings) -> list[Score]:
    return [
        Score(
            id=f"audit.{name}",
            value=found.value,
            interval=found.interval,
            n=findings.counts,
            feature_id=findings.feature_id,
        )
        for name, found in excesses(findings).items()
    ]


def _shares(findings: Findings) -> list[Score]:
    """Of samples that are suspect, of those that are confirmed, and of training volumes that they are close to."""
    samples, suspects = len(findings.samples), len(findings.suspects)
    confirmed = int(np.count_nonzero(findings.correlations > findings.limit))
    share_confirmed = _share("audit.confirmed_share", confirmed, samples, findings, "synthetic")
    if findings.unconfirmed:
        share_confirmed = not_run(
            share_confirmed.id, findings.unconfirmed, feature_id=findings.feature_id, n=share_confirmed.n
        )
    whom = len(np.unique(findings.samples.row[findings.suspects]))
    return [
        _share("audit.flagged_share", suspects, samples, findings, "synthetic"),
        share_confirmed,
        _share("audit.extractable_share", whom, findings.train_volumes, findings, "train"),
    ]


def _share(name: str, count: int, total: int, findings: Findings, counted: str) -> Score:
    return Score(
        id=name,
        value=count / total,
        interval=share_interval(count, total),
        n={counted: total},
        feature_id=findings.feature_id,
    )


def _whole(findings: Findings) -> list[Score]:
    whole, scores = findings.whole, []
    for name in ("copy_auc", "authenticity", *_HOLDOUT_ONLY):
        score_id, found = f"audit.{_IDS.get(name, name)}", getattr(whole, name)
        if found is None:
            scores.append(not_run(score_id, _NO_HOLDOUT, feature_id=findings.feature_id, n=findings.counts))
            continue
        value, interval = found
        counts = {**findings.counts, **({"compared": whole.compared} if name in _HOLDOUT_ONLY else {})}
        scores.append(Score(id=score_id, value=value, interval=interval, n=counts, feature_id=findings.feature_id))
    copying = "audit.data_copying"
    if whole.data_copying is None:
        return [*scores, not_run(copying, _TOO_FEW, feature_id=findings.feature_id, n=findings.counts)]
    return [
        *scores,
        Score(id=copying, value=whole.data_copying, n=findings.counts, feature_id=findings.feature_id),
    ]
