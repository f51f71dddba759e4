"""What an audit found: figures that may be published, and pairs that may not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..scores import Score

__all__ = ["LEAST_RECALL", "Audit", "SuspectPair", "Suspected"]


LEAST_RECALL: Final = 0.95
"""Share of planted copies that an audit must find to be worth anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspected:
    """A sample that is too close to the training set; says nothing about to whom.

    Attributes:
        row: of the sample.
        reasons: `COPY_CONFIRMED` or `COPY_SUSPECT`.
    """

    row: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspectPair:
    """A sample and the training volume that it is close to: private.

    Attributes:
        sample_id, train_id, train_subject: of the two.
        mirrored: whether the mirror image of the sample is what is close.
        distance, ratio: see `Closeness`.
        p_distance, p_ratio: share of held-out subjects that are as close.
        hash_bits: bits in which the hashes differ.
        correlation: of the voxels after rigid alignment; None where it was not computed.
        rules: by which of them it is suspect.
    """

    sample_id: str
    train_id: str
    train_subject: str
    mirrored: bool
    distance: float
    ratio: float
    p_distance: float
    p_ratio: float
    hash_bits: int
    correlation: float | None
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """Findings.

    Attributes:
        scores, tables, figures: aggregates alone; no id of a training or held-out subject is in them.
        quarantine: samples to be replaced.
        pairs: whom they are close to; never to be published.
        notes: what limits the audit, in sentences.
    """

    scores: tuple[Score, ...]
    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    figures: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    quarantine: tuple[Suspected, ...] = ()
    pairs: tuple[SuspectPair, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def was_run(self) -> bool:
        """Whether there was a training set to compare with."""
        return any(score.value is not None for score in self.scores)

    @property
    def is_valid(self) -> bool:
        """Whether enough planted copies were found for the absence of copies to mean something, or none were sought."""
        recalls = [score.value for score in self.scores if score.id == "audit.positive_control"]
        return all(recall is None or recall >= LEAST_RECALL for recall in recalls)
