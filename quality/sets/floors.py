"""A statistic of two sets beside the same statistic between two halves of the reference.

Between two halves of one population nothing differs but chance, so the floor is what a perfect generator would get with
so few samples. It is taken over several random halvings, as the root of the mean square: for a distance that is its
usual size, and for an unbiased one (KID), which is 0 on average, it is the size of its noise. Value and floor come from
equally many rows, because most statistics depend on how many there are.

An interval is that of the bootstrap over rows. Resampled sets hold some rows several times, which biases a distance as
a smaller set would; so the spread of the resamples is taken, and put around the value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..scores import Interval, Score

    Floats = NDArray[np.float64]

__all__ = [
    "RESAMPLES",
    "SPLITS",
    "Beside",
    "Statistic",
    "beside_floor",
    "equal_rows",
    "halving",
    "ratio_to_floor",
    "resample_counts",
    "spread_around",
]

RESAMPLES = 200
"""Bootstrap resamples of an interval: enough for its ends to settle to about a tenth of its width."""
SPLITS = 20
"""Random halvings of the reference behind one floor."""


class Statistic(Protocol):
    """What compares two sets of vectors, for several weightings of their rows at once.

    Weights are how often each row was drawn; so a resample costs no copy of the vectors, and kernels and distances are
    computed once for all resamples.
    """

    def __call__(self, x: Floats, y: Floats, x_counts: Floats, y_counts: Floats) -> Floats:
        """Values for each weighting.

        Args:
            x: `(n, d)` vectors of the set that is judged.
            y: `(m, d)` vectors of the reference.
            x_counts: `(b, n)` how often each row of x counts.
            y_counts: `(b, m)` the same of y.

        Returns:
            `(b, q)`: q numbers for each of the b weightings.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """One number beside its floor.

    Attributes:
        value: between the set and half of the reference.
        interval: 95 %, by resampling rows.
        floor: root mean square of the same between two halves of the reference.
        floor_interval: the middle 95 % of it over the halvings.
        rows: of each of the two sets.
    """

    value: float
    interval: Interval
    floor: float
    floor_interval: Interval
    rows: int


def equal_rows(synthetic: int, reference: int, most: int) -> int:
    """How many rows each set gets: all have equally many, and the reference has two of them."""
    return min(synthetic, reference // 2, most)


def halving(rows: int, size: int, seed: int, split: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Two disjoint random sets of rows, each of a size; a function of (seed, split) alone."""
    order = np.random.default_rng([seed, 1, split]).permutation(rows)
    return order[:size], order[size : 2 * size]


def resample_counts(rows: int, resamples: int, *key: int) -> Floats:
    """`(1 + resamples, rows)`: first every row once, then how often each was drawn in a resample with replacement."""
    drawn = np.random.default_rng(key).multinomial(rows, np.full(rows, 1 / rows), size=resamples)
    return np.concatenate([np.ones((1, rows)), drawn.astype(np.float64)])


def spread_around(value: float, replicates: Floats) -> Interval:
    """The middle 95 % of resamples, moved so that their mean is the value."""
    low, high = np.quantile(replicates, (0.025, 0.975)) - replicates.mean() + value
    return float(low), float(high)


def beside_floor(
    statistic: Statistic,
    synthetic: Floats,
    reference: Floats,
    *,
    rows: int,
    seed: int = 0,
    splits: int = SPLITS,
    resamples: int = RESAMPLES,
) -> list[Beside]:
    """Measures a statistic and its floor.

    Args:
        statistic: what to measure.
        synthetic: `(n, d)`.
        reference: `(m, d)`.
        rows: of each set; see `equal_rows`.
        seed: of which rows are taken, how the reference is halved, and what is resampled.
        splits: halvings behind the floor.
        resamples: behind the interval.

    Returns:
        one for each number that the statistic gives.
    """
    taken = np.random.default_rng([seed, 0]).permutation(len(synthetic))[:rows]
    first, _ = halving(len(reference), rows, seed, 0)
    counts = [resample_counts(rows, resamples, seed, 2 + side) for side in range(2)]
    found = statistic(synthetic[taken], reference[first], *counts)
    floors = np.concatenate([_split(statistic, reference, rows, seed, split) for split in range(splits)])
    return [_beside(found[:, column], floors[:, column], rows) for column in range(found.shape[1])]


def ratio_to_floor(score: Score) -> tuple[float, Interval | None] | None:
    """How many times its floor a score is, with the interval of that; None where there is no floor above 0.

    The interval is that of the value; the floor is taken as it is.
    """
    if score.value is None or score.floor is None or score.floor <= 0:
        return None
    interval = None if score.interval is None else (score.interval[0] / score.floor, score.interval[1] / score.floor)
    return score.value / score.floor, interval


def _split(statistic: Statistic, reference: Floats, rows: int, seed: int, split: int) -> Floats:
    first, second = halving(len(reference), rows, seed, split)
    once = np.ones((1, rows))
    return statistic(reference[second], reference[first], once, once)


def _beside(found: Floats, floors: Floats, rows: int) -> Beside:
    value = float(found[0])
    low, high = np.quantile(floors, (0.025, 0.975)).tolist()
    return Beside(
        value=value,
        interval=spread_around(value, found[1:]),
        floor=float(np.sqrt(np.mean(floors**2))),
        floor_interval=(low, high),
        rows=rows,
    )
