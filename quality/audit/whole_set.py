"""The statistics of the whole set that need vectors, on as many of them as they can bear."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from ..distances import nearest
from .excess import share_interval
from .global_tests import adversarial_loss, auc, authenticity, closer_share, data_copying

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..features.feature_set import FeatureSet
    from ..scores import Interval
    from .closeness import Closeness, TrainingSet

    Vectors = NDArray[np.float32]
    Figure = tuple[float, Interval]

__all__ = ["WholeSet", "whole_set"]

_MOST: Final = 2000
"""Of each set in the statistics that compare all with all; their intervals are then 0.02 wide or so."""
_CELLS: Final = 3
_PART: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeSet:
    """Averages over the set; None for what cannot be had.

    Attributes:
        copy_auc: probability that a sample is farther from the training set than a held-out subject.
        data_copying: C_T by cells of the training set.
        authenticity: share of samples that are not closer to a training subject than that is to any other.
        closer_share: of samples that are closer to the training set than to the holdout.
        privacy_loss: adversarial accuracy on the holdout less that on the training set.
        membership_auc: probability that a training subject is closer to the samples than a held-out one.
        compared: vectors of each set in the last three.
    """

    copy_auc: Figure
    data_copying: float | None
    authenticity: Figure
    closer_share: Figure | None = None
    privacy_loss: Figure | None = None
    membership_auc: Figure | None = None
    compared: int = 0


def whole_set(
    training: TrainingSet,
    found: Closeness,
    null: Closeness,
    ours: FeatureSet,
    apart: FeatureSet | None,
    *,
    seed: int,
) -> WholeSet:
    """Computes them.

    Args:
        training: the training set.
        found: closeness of the samples.
        null: of the holdout, or of each training subject to all others.
        ours: vectors of the samples.
        apart: vectors of the holdout; None if there is none.
        seed: of the choice of vectors, and of the cells.
    """
    random = np.random.default_rng([seed, 5])
    asked = _some(random, len(found), min(len(found), _MOST))
    neighbours, place = np.unique(found.row[asked], return_inverse=True)
    gaps = training.own_closeness(neighbours).distance
    authentic = authenticity(found.distance[asked], place, gaps)
    always = WholeSet(
        copy_auc=auc(found.distance, null.distance),
        data_copying=_copying(training, found, null, seed),
        authenticity=(authentic, share_interval(round(authentic * len(asked)), len(asked))),
    )
    if apart is None:
        return always
    size = min(len(training), len(apart), len(ours), _MOST)
    train = training.vectors[_some(random, len(training), size)]
    holdout = training.space.of(apart.values[_some(random, len(apart), size)])
    samples = training.space.of(ours.values[_some(random, len(ours), min(len(ours), _MOST))])
    share = closer_share(samples, train, holdout)
    return replace(
        always,
        closer_share=(share, share_interval(round(share * len(samples)), len(samples))),
        privacy_loss=adversarial_loss(samples[:size], train, holdout),
        membership_auc=auc(_to_samples(holdout, training, ours), _to_samples(train, training, ours)),
        compared=size,
    )


def _some(random: np.random.Generator, total: int, count: int) -> NDArray[np.int64]:
    return random.permutation(total)[:count]


def _to_samples(queries: Vectors, training: TrainingSet, ours: FeatureSet) -> NDArray[np.float64]:
    """Distance of each to the nearest sample; the samples are brought into the space a part at a time."""
    least = np.full(len(queries), np.inf)
    for start in range(0, len(ours), _PART):
        part = training.space.of(ours.values[start : start + _PART])
        np.minimum(least, nearest(queries, part, 1).distances[:, 0], out=least)
    return least


def _copying(training: TrainingSet, found: Closeness, null: Closeness, seed: int) -> float | None:
    """C_T, the cells being those of k-means of the training set; a volume lies in that of its nearest neighbour."""
    from sklearn.cluster import KMeans

    random = np.random.default_rng([seed, 6])
    some = training.vectors[_some(random, len(training), min(len(training), _MOST))]
    centres = KMeans(_CELLS, n_init=4, random_state=seed).fit(some).cluster_centers_
    cells = nearest(training.vectors, centres.astype(np.float32), 1).rows[:, 0]
    return data_copying(found.distance, null.distance, cells[found.row], cells[null.row])
