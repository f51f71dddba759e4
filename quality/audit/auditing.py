"""The memorisation audit: are samples copies of training subjects, would it be seen, and which ones are they?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ...errors import QualityError
from ..features.copy_dct import CopyDct
from .closeness import Closeness, TrainingSet
from .confirmation import MOST_HOLDOUT_PAIRS, Pair, confirmation_threshold, pair_correlations
from .control import COPIES, planted_copies
from .embedding import embedded
from .findings import Findings
from .kept import KeptReference
from .outcome import Audit, Suspected, SuspectPair
from .reporting import figures_of, notes_of, tables_of
from .rules import LEVEL, people_for, rules_of
from .scoring import audit_scores, not_audited
from .sets import check_sets
from .space import audit_space
from .whole_set import whole_set

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from ..features.feature_set import FeatureSet
    from ..reference import Reference
    from .space import CopyExtractor

    Tell = Callable[[str, int, int], None]

__all__ = ["NO_TRAINING_SET", "UNCONFIRMED", "audit_set"]

NO_TRAINING_SET: Final = (
    "no training set was given, so nothing can be said about copies; give the volumes that the generator was trained on"
)
UNCONFIRMED: Final = (
    "the scans of the training set are not within reach, only their vectors: no suspect was compared voxel by voxel; "
    "audit where the scans are"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """How the work is done."""

    cache: Path | None
    workers: int
    tell: Tell | None

    def options(self, stage: str) -> dict[str, Any]:
        told = self.tell
        tell = None if told is None else lambda done, total: told(stage, done, total)
        return {"cache": self.cache, "workers": self.workers, "tell": tell}


def audit_set(
    synthetic: Reference,
    train: Reference | None,
    holdout: Reference | None = None,
    *,
    vectors: FeatureSet | None = None,
    extractor: CopyExtractor | None = None,
    level: float = LEVEL,
    copies: int = COPIES,
    seed: int = 0,
    cache: Path | None = None,
    workers: int = 1,
    tell: Tell | None = None,
    without: str = NO_TRAINING_SET,
) -> Audit:
    """Audits a set of samples.

    Stopped at any time and called again with the same cache, it goes on.

    Args:
        synthetic: the samples; their volumes are read only where they are suspect, or where there are no `vectors`.
        train: what the generator was trained on; without it, nothing is run.
        holdout: subjects that it never saw, of the same population; without them, each training subject is held
            against all others.
        vectors: of the samples by the extractor, if they were made before.
        extractor: by default `CopyDct`.
        level: share of new people that may be refused by chance.
        copies: planted for the positive control.
        seed: of the choice of what is planted and of what is compared.
        cache: private folder for what was computed from patients' volumes; None to keep nothing.
        workers: processes.
        tell: told of the stage, of volumes done and of all.
        without: what is said where there is no `train`: why, and what to do.

    Raises:
        QualityError: too few subjects, a subject in both sets, or a volume that cannot be used; the message names it.
    """
    extractor = extractor or CopyDct()
    if train is None:
        return Audit(scores=not_audited(without, extractor.feature_id))
    check_sets(train, holdout)
    way = _Way(cache=cache, workers=workers, tell=tell)
    known = embedded(train, extractor, **way.options("training set"))
    training = TrainingSet(known, train.subjects, audit_space(known, extractor))
    apart = None if holdout is None else embedded(holdout, extractor, **way.options("holdout"))
    control, kinds = _control(train, extractor, copies, seed, way)
    ours = vectors if vectors is not None else embedded(synthetic, extractor, **way.options("samples"))
    null = training.own_closeness() if apart is None else training.closeness(apart.values)
    people = people_for(training, None if apart is None else null, level=level, seed=seed)
    rules = rules_of(people, level)
    found = training.closeness(ours.values, tell=way.options("neighbours")["tell"])
    suspects = np.flatnonzero(rules.flagged(found))
    apart_pairs = _Compared(volumes=train if holdout is None else holdout, found=null)
    unconfirmed = _unconfirmed(train, apart_pairs.volumes) if len(suspects) else ""
    if unconfirmed:
        correlations, limit = np.full(len(suspects), np.nan, np.float32), 1.0
    else:
        ours_pairs = _Compared(volumes=synthetic, found=found)
        correlations, limit = _confirmed(ours_pairs, apart_pairs, _scans_of(train), suspects, way)
    findings = Findings(
        feature_id=extractor.feature_id,
        rules=rules,
        samples=found,
        holdout=null,
        held_out=holdout is not None,
        calibrated_on=len(people),
        planted=training.closeness(control.values),
        kinds=kinds,
        suspects=suspects,
        correlations=correlations,
        limit=limit,
        unconfirmed=unconfirmed,
        whole=whole_set(training, found, null, ours, apart, seed=seed),
        train_volumes=len(train),
    )
    return Audit(
        scores=audit_scores(findings),
        tables=tables_of(findings),
        figures=figures_of(findings),
        quarantine=tuple(
            Suspected(row=int(row), reasons=("COPY_CONFIRMED" if value > limit else "COPY_SUSPECT",))
            for row, value in zip(suspects, correlations, strict=True)
        ),
        pairs=_pairs(synthetic, train, findings),
        notes=notes_of(findings),
    )


def _control(
    train: Reference, extractor: CopyExtractor, copies: int, seed: int, way: _Way
) -> tuple[FeatureSet, tuple[str, ...]]:
    """Vectors of planted copies and how each was made: those that are kept, or new ones of the scans."""
    if isinstance(train, KeptReference):
        kept = train.control
        is_same = kept is not None and (len(kept.kinds), kept.seed) == (copies, seed)
        if kept is not None and is_same and kept.vectors.feature_id == extractor.feature_id:
            return kept.vectors, kept.kinds
        if kept is not None and train.scans is None:
            msg = (
                f"{train.source} has a control of {len(kept.kinds)} planted copies of the seed {kept.seed}, and "
                f"{copies} of the seed {seed} need scans: ask for the former; {train.missing}"
            )
            raise QualityError(msg)
        train = train.readable()
    planted = planted_copies(train, count=copies, seed=seed)
    return embedded(planted, extractor, **way.options("planted copies")), planted.kinds


def _scans_of(reference: Reference) -> Reference:
    return reference.readable() if isinstance(reference, KeptReference) else reference


def _unconfirmed(*references: Reference) -> str:
    """Why suspects cannot be held against scans; empty where they can. It is published, so it names no place."""
    if any(isinstance(each, KeptReference) and each.scans is None for each in references):
        return UNCONFIRMED
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Compared:
    """Volumes, and how close they are to the training set."""

    volumes: Reference
    found: Closeness

    def pairs(self, rows: NDArray[np.int64]) -> list[Pair]:
        found = self.found
        return [Pair(query=int(row), train=int(found.row[row]), mirrored=bool(found.mirrored[row])) for row in rows]


def _confirmed(
    samples: _Compared, people: _Compared, train: Reference, suspects: NDArray[np.int64], way: _Way
) -> tuple[NDArray[np.float32], float]:
    """Correlation of each suspect with its training volume, and what no held-out subject reaches."""
    if not len(suspects):
        return np.empty(0, np.float32), 1.0
    closest = np.argsort(people.found.distance, kind="stable")[:MOST_HOLDOUT_PAIRS]
    usual = pair_correlations(_scans_of(people.volumes), train, people.pairs(closest), **way.options("held-out pairs"))
    ours = pair_correlations(samples.volumes, train, samples.pairs(suspects), **way.options("suspects"))
    return ours, confirmation_threshold(usual)


def _pairs(synthetic: Reference, train: Reference, findings: Findings) -> tuple[SuspectPair, ...]:
    flags, found = findings.rules.flags(findings.samples), findings.samples
    p_distance, p_ratio = findings.p_values
    return tuple(
        SuspectPair(
            sample_id=synthetic.ids[row],
            train_id=train.ids[found.row[row]],
            train_subject=train.subjects[found.row[row]],
            mirrored=bool(found.mirrored[row]),
            distance=float(found.distance[row]),
            ratio=float(found.ratio[row]),
            p_distance=float(p_distance[row]),
            p_ratio=float(p_ratio[row]),
            hash_bits=int(found.hash_bits[row]),
            correlation=None if np.isnan(correlation) else float(correlation),
            rules=tuple(name for name, flagged in flags.items() if flagged[row]),
        )
        for row, correlation in zip(findings.suspects.tolist(), findings.correlations.tolist(), strict=True)
    )
