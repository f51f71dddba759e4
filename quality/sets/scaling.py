"""Features on one scale, and no more of them than the samples can bear; fitted on the reference alone.

Features have units: without a scale one in millilitres would outweigh all that are shares. Each step is told in the
feature id, because values of other steps do not compare.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..features import FeatureSet

    Floats = NDArray[np.float64]

__all__ = ["Scaling", "check_same_features", "column_moments", "fit_scaling"]

_CONSTANT = 1e-6
"""Standard deviation over size of a feature, below which it is constant but for the rounding of float32."""
_BLOCK_ROWS = 1024


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scaling:
    """Features → numbers with mean 0 and standard deviation 1 in the reference, and then its principal axes.

    Attributes:
        columns: features that vary.
        mean, deviation: of those in the reference.
        axes: `(columns, kept)` principal axes of the reference, widest first, or random directions; None where all is
            kept.
        feature_id: of what comes out.
    """

    columns: NDArray[np.int64]
    mean: Floats
    deviation: Floats
    axes: Floats | None
    feature_id: str

    def __call__(self, values: NDArray[np.float32]) -> Floats:
        """`(n, width)` features → `(n, kept)`."""
        scaled: Floats = (values[:, self.columns].astype(np.float64) - self.mean) / self.deviation
        return scaled if self.axes is None else scaled @ self.axes


def fit_scaling(
    reference: FeatureSet, synthetic: FeatureSet, *, most: int | None = None, blind: bool = False
) -> Scaling:
    """Fits the scale on the reference.

    A feature that is the same number in all samples of both sets says nothing, and is left out.

    Args:
        reference: what is fitted.
        synthetic: only looked at for features that are constant in the reference.
        most: numbers to keep; more are reduced to principal axes of the reference. None keeps all.
        blind: reduce to random directions instead, which know neither set. Where there are fewer samples than features,
            principal axes hold all of the samples that they were fitted to and only a part of others, so that others
            look less diverse than they are.

    Raises:
        ValueError: the sets do not belong together; all features are constant; or one is constant in the reference and
            not in the synthetic set, so that no scale follows.
    """
    check_same_features(reference, synthetic)
    mean, deviation = column_moments(reference.values)
    constant = deviation <= _CONSTANT * np.maximum(np.abs(mean), np.finfo(np.float32).tiny)
    _check_constant(reference, synthetic, constant, mean)
    columns = np.flatnonzero(~constant)
    kept = "" if len(columns) == len(mean) else f"{len(columns)}of{len(mean)}"
    feature_id = f"{reference.feature_id}+z{kept}"
    scaling = Scaling(
        columns=columns, mean=mean[columns], deviation=deviation[columns], axes=None, feature_id=feature_id
    )
    if most is None or len(columns) <= most:
        return scaling
    axes = _random_axes(len(columns), most) if blind else _principal_axes(scaling, reference.values, most)
    return Scaling(
        columns=columns,
        mean=scaling.mean,
        deviation=scaling.deviation,
        axes=axes,
        feature_id=f"{feature_id}+{'random' if blind else 'pca'}{most}",
    )


def check_same_features(reference: FeatureSet, synthetic: FeatureSet) -> None:
    """Raises ValueError if numbers of the two sets do not compare."""
    if reference.feature_id != synthetic.feature_id:
        msg = (
            f"the synthetic set has features {synthetic.feature_id} and the reference {reference.feature_id}, which do "
            "not compare; embed both by the same extractor"
        )
        raise ValueError(msg)
    widths = synthetic.values.shape[1], reference.values.shape[1]
    if widths[0] != widths[1]:
        msg = f"{reference.feature_id}: {widths[0]} numbers a sample and {widths[1]} in the reference; embed both again"
        raise ValueError(msg)


def _check_constant(reference: FeatureSet, synthetic: FeatureSet, constant: NDArray[np.bool_], mean: Floats) -> None:
    if constant.all():
        msg = f"{reference.feature_id}: every feature is constant in the reference: its samples are all the same"
        raise ValueError(msg)
    lowest, highest = synthetic.values.min(axis=0), synthetic.values.max(axis=0)
    slack = 1e-5 * np.abs(mean)
    varies = constant & ((lowest < mean - slack) | (highest > mean + slack))
    if varies.any():
        column = int(np.flatnonzero(varies)[0])
        msg = (
            f"{reference.feature_id}: feature {column} is {mean[column]:g} in all samples of the reference and "
            f"{lowest[column]:g} to {highest[column]:g} in the synthetic set, so no scale follows; is the reference on "
            "another grid or of another kind?"
        )
        raise ValueError(msg)


def column_moments(values: NDArray[np.float32]) -> tuple[Floats, Floats]:
    """Mean and standard deviation of each column in float64, a block of rows at a time."""
    mean: Floats = values.mean(axis=0, dtype=np.float64)
    squares = np.zeros_like(mean)
    for start in range(0, len(values), _BLOCK_ROWS):
        squares += ((values[start : start + _BLOCK_ROWS] - mean) ** 2).sum(axis=0)
    return mean, np.sqrt(squares / max(len(values) - 1, 1))


def _random_axes(width: int, most: int) -> Floats:
    """Directions that nearly keep the angles between vectors (Johnson & Lindenstrauss 1984)."""
    axes: Floats = np.random.default_rng([width, most]).standard_normal((width, most)) / np.sqrt(most)
    return axes


def _principal_axes(scaling: Scaling, values: NDArray[np.float32], most: int) -> Floats:
    width = len(scaling.columns)
    covariance = np.zeros((width, width))
    for start in range(0, len(values), _BLOCK_ROWS):
        part = scaling(values[start : start + _BLOCK_ROWS])
        covariance += part.T @ part
    vectors: Floats = np.linalg.eigh(covariance)[1]
    return np.ascontiguousarray(vectors[:, ::-1][:, :most])
