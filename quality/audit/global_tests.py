"""Statistics of the whole set: averages, in which a few copies hide, so none of them is the only test.

In all of them one half, or 0, means that samples lie to the training set as people do who are not in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from ..distances import nearest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..scores import Interval

    Distances = NDArray[np.float64]
    Vectors = NDArray[np.float32]

__all__ = ["adversarial_loss", "auc", "authenticity", "closer_share", "data_copying"]

_NORMAL_95: Final = 1.959964
_LEAST_CELL_SHARE: Final = 20
"""A cell counts if one in so many of the samples would fill it: 20 / m in Meehan's notation."""


def auc(larger: Distances, smaller: Distances) -> tuple[float, Interval]:
    """Probability that a value of the first set is larger than one of the second; ties count half.

    Returns:
        it, and its 95 % interval after DeLong et al. (1988, Biometrics 44:837).
    """
    ordered, others = np.sort(smaller), np.sort(larger)
    below = (np.searchsorted(ordered, larger, "left") + np.searchsorted(ordered, larger, "right")) / (2 * len(smaller))
    under = (np.searchsorted(others, smaller, "left") + np.searchsorted(others, smaller, "right")) / (2 * len(larger))
    value = float(below.mean())
    spread = sum(float(part.var(ddof=1)) / len(part) for part in (below, under) if len(part) > 1)
    half = _NORMAL_95 * float(np.sqrt(spread))
    return value, (max(value - half, 0.0), min(value + half, 1.0))


def data_copying(
    synthetic: Distances, holdout: Distances, synthetic_cells: NDArray[np.int64], holdout_cells: NDArray[np.int64]
) -> float | None:
    """C_T of Meehan et al. (2020, AISTATS): far below 0 where samples lie closer to the training set than people.

    The Mann-Whitney Z of the distances in every cell of the training set, averaged with the holdout's share of the
    cell. It grows with the numbers of both; the AUC does not.

    Args:
        synthetic: distances to the training set.
        holdout: the same of held-out subjects.
        synthetic_cells: in which cell each sample lies.
        holdout_cells: in which cell each of them lies.

    Returns:
        None if no cell holds enough of both.
    """
    total = weights = 0.0
    for cell in np.unique(holdout_cells).tolist():
        ours, theirs = synthetic[synthetic_cells == cell], holdout[holdout_cells == cell]
        if len(ours) < max(_LEAST_CELL_SHARE, 2) or len(theirs) < 2:
            continue
        share = len(theirs) / len(holdout)
        total += share * _mann_whitney_z(ours, theirs)
        weights += share
    return total / weights if weights else None


def _mann_whitney_z(ours: Distances, theirs: Distances) -> float:
    m, n = len(ours), len(theirs)
    larger = auc(ours, theirs)[0] * m * n
    return float((larger - m * n / 2) / np.sqrt(m * n * (m + n + 1) / 12))


def closer_share(synthetic: Vectors, train: Vectors, holdout: Vectors) -> float:
    """Share of samples that are closer to the training set than to as many held-out subjects; ties count half.

    Args:
        synthetic: `(m, d)`.
        train: `(n, d)`.
        holdout: `(n, d)`, as many.
    """
    _same_size(train, holdout)
    to_train, to_holdout = (nearest(synthetic, others, 1).distances[:, 0] for others in (train, holdout))
    return float(np.mean((to_train < to_holdout) + (to_train == to_holdout) / 2))


def adversarial_loss(synthetic: Vectors, train: Vectors, holdout: Vectors) -> tuple[float, Interval]:
    """Privacy loss of Yale et al. (2020, Neurocomputing 416:244): adversarial accuracy on the holdout less on training.

    Args:
        synthetic: `(n, d)`.
        train: `(n, d)`, as many.
        holdout: `(n, d)`, as many.

    Returns:
        it, and its 95 % interval by the normal approximation over samples.
    """
    _same_size(synthetic, train)
    _same_size(synthetic, holdout)
    known, unknown = _adversary(synthetic, train), _adversary(synthetic, holdout)
    value = float(unknown.mean() - known.mean())
    half = _NORMAL_95 * float(np.sqrt((unknown.var() + known.var()) / len(known)))
    return value, (value - half, value + half)


def _adversary(synthetic: Vectors, real: Vectors) -> Distances:
    """For each row of both sets together, in pairs: is its nearest of the other set farther than that of its own?"""
    own_real = nearest(real, real, 1, same=True).distances[:, 0]
    own_synthetic = nearest(synthetic, synthetic, 1, same=True).distances[:, 0]
    real_right = nearest(real, synthetic, 1).distances[:, 0] > own_real
    synthetic_right = nearest(synthetic, real, 1).distances[:, 0] > own_synthetic
    return (real_right.astype(np.float64) + synthetic_right) / 2


def authenticity(distances: Distances, rows: NDArray[np.int64], train_gaps: Distances) -> float:
    """Share of samples that are farther from their nearest training subject than that is from any other of them.

    Alaa et al. (2022, ICML), with the right indices: the gap is that of the sample's own nearest neighbour. About one
    half for people who are not in the training set, towards 0 for copies.

    Args:
        distances: of each sample to the nearest training volume.
        rows: which that is.
        train_gaps: of every training volume to the nearest of another subject.
    """
    return float(np.mean(distances > train_gaps[rows]))


def _same_size(one: Vectors, other: Vectors) -> None:
    if len(one) != len(other):
        msg = f"sets of one size are compared, got {len(one)} and {len(other)} vectors"
        raise ValueError(msg)
