"""Which statistics are taken of which features, and what each needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from .frechet import frechet
from .kernel import kid
from .morphometry import sliced_wasserstein, wasserstein
from .outliers import outlier_share
from .prdc import NAMES, prdc
from .spectrum import high_share_ratio, spectrum_distance
from .two_sample import classifier_auc
from .vendi import vendi_ratio

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .floors import Statistic

__all__ = [
    "LEAST_ROWS",
    "MOST_DIMENSIONS",
    "NOT_DISTRIBUTIONS",
    "ROWS_A_DIMENSION",
    "Metric",
    "Taken",
    "metrics_of",
    "most_dimensions",
]

Taken: TypeAlias = Literal["raw", "scaled", "wide", "narrow"]
"""What a statistic is computed from: features as they are, on one scale, in at most 256 random directions, or on as few
principal axes as the rows bear."""

LEAST_ROWS = 30
"""Of each set. Below it neither an interval nor a floor means anything."""
NOT_DISTRIBUTIONS = ("sign_hash", "iqm")
"""Features that tell single samples apart, and by which no sets are compared."""
MOST_DIMENSIONS = 64
ROWS_A_DIMENSION = 10
"""Samples that a covariance needs for each dimension: with fewer the Fréchet distance is mostly its own bias."""
_WIDE = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One statistic of one kind of features.

    Attributes:
        ids: of the scores, one for each number that it gives.
        statistic: what is computed.
        taken: from what.
        unit: of the scores.
    """

    ids: tuple[str, ...]
    statistic: Statistic
    taken: Taken = "scaled"
    unit: str = ""


def most_dimensions(taken: Taken, rows: int) -> int | None:
    """To how many principal axes features are reduced; None for no reduction."""
    if taken == "narrow":
        return min(MOST_DIMENSIONS, rows // ROWS_A_DIMENSION)
    return _WIDE if taken == "wide" else None


def metrics_of(
    name: str, *, components: Sequence[str] = (), edges: Sequence[tuple[float, float]] = (), seed: int = 0
) -> list[Metric]:
    """All metrics of the features of a name.

    Args:
        name: of the features.
        components: names of the single features, where they mean something one by one.
        edges: lowest and highest frequency of each feature in cycles per mm, where they are a spectrum.
        seed: of random directions.
    """
    found = [
        Metric(ids=(f"set.kid.{name}",), statistic=kid),
        Metric(ids=(f"set.frechet.{name}",), statistic=frechet, taken="narrow"),
        Metric(ids=tuple(f"set.{ball}.{name}" for ball in NAMES), statistic=prdc),
        Metric(ids=(f"set.vendi.{name}",), statistic=vendi_ratio, taken="wide"),
        Metric(ids=(f"set.c2st.{name}",), statistic=classifier_auc, taken="narrow"),
        Metric(ids=(f"set.outliers.{name}",), statistic=outlier_share),
    ]
    if components:
        ids = tuple(f"set.w1.{name}.{component}" for component in components)
        found.append(Metric(ids=ids, statistic=wasserstein, unit="SD"))
        found.append(Metric(ids=(f"set.sliced_w1.{name}",), statistic=sliced_wasserstein(seed=seed), unit="SD"))
    if edges:
        distance = Metric(ids=(f"set.spectrum_distance.{name}",), statistic=spectrum_distance, taken="raw", unit="dB")
        found.append(distance)
        found.append(Metric(ids=(f"set.high_share.{name}",), statistic=high_share_ratio(edges), taken="raw"))
    return found
