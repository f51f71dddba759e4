"""Classifier two-sample test: can a classifier tell synthetic from real by these features?

Lopez-Paz & Oquab 2017 (arXiv:1610.06545), with the area under the ROC curve instead of the accuracy: 0.5 if it cannot,
1 if it always can. A logistic regression learns on one half of the rows of each set and is judged on the other, so that
a high value is no overfitting. It is strict: what a classifier finds may be as harmless as a scanner's noise level.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["area_under_curve", "classifier_auc"]


def classifier_auc(x: Floats, y: Floats, x_counts: Floats, y_counts: Floats) -> Floats:
    """Area under the curve on held-out halves, for each weighting; a `Statistic`, `(b, 1)`.

    The classifier is the one of the rows counted once; weightings resample those that it is judged on. Rows come in
    random sequence from `beside_floor`, so the first half is a random half.
    """
    from sklearn.linear_model import LogisticRegression

    x_half, y_half = len(x) // 2, len(y) // 2
    taught = np.concatenate([x[:x_half], y[:y_half]])
    is_synthetic = np.repeat([1, 0], [x_half, y_half])
    model = LogisticRegression(max_iter=5000).fit(taught, is_synthetic)
    positive, negative = model.decision_function(x[x_half:]), model.decision_function(y[y_half:])
    return area_under_curve(positive, negative, x_counts[:, x_half:], y_counts[:, y_half:])[:, None]


def area_under_curve(positive: Floats, negative: Floats, positive_counts: Floats, negative_counts: Floats) -> Floats:
    """Chance that a positive score is above a negative one, ties counted half, for each weighting of both.

    Args:
        positive: `(n,)` scores.
        negative: `(m,)` scores.
        positive_counts: `(b, n)` how often each counts.
        negative_counts: `(b, m)`.

    Returns:
        `(b,)`.
    """
    order = np.argsort(negative, kind="stable")
    below = np.searchsorted(negative[order], positive, side="left")
    up_to = np.searchsorted(negative[order], positive, side="right")
    passed = np.zeros((len(negative_counts), len(negative) + 1))
    np.cumsum(negative_counts[:, order], axis=1, out=passed[:, 1:])
    wins = (passed[:, below] + passed[:, up_to]) / 2
    pairs = positive_counts.sum(axis=1) * negative_counts.sum(axis=1)
    area: Floats = np.einsum("bi,bi->b", wins, positive_counts) / pairs
    return area
