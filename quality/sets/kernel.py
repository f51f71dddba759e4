"""Maximum mean discrepancy: how far two sets of vectors are apart as a kernel sees them, without bias.

`kid` is the kernel inception distance of Bińkowski et al. 2018 (arXiv:1801.01401) for any features: the unbiased MMD²
of Gretton et al. 2012 (JMLR 13:723) with the kernel (x·y/d + 1)³. It is 0 on average between two sets of one
population, however few the samples are, and so it can be negative. `gaussian_test` is the same with a Gaussian kernel
and a permutation test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Kernel = Callable[[Floats, Floats], Floats]
    """Two sets of vectors → the matrix of kernel values."""

__all__ = ["gaussian_kernel", "gaussian_test", "kid", "median_distance", "mmd2", "polynomial_kernel"]

_BLOCK_ROWS = 512
_MEDIAN_ROWS = 1000


def polynomial_kernel(x: Floats, y: Floats) -> Floats:
    """(x·y/d + 1)³ of all pairs."""
    cubed = x @ y.T
    cubed /= x.shape[1]
    cubed += 1
    cubed **= 3
    return cubed


def gaussian_kernel(width: float) -> Kernel:
    """exp(−‖x − y‖² / (2·width²)) of all pairs."""

    def kernel(x: Floats, y: Floats) -> Floats:
        squared = _squared(x, y)
        squared /= -2 * width**2
        return np.exp(squared, out=squared)

    return kernel


def kid(x: Floats, y: Floats, x_counts: Floats, y_counts: Floats) -> Floats:
    """Kernel distance for each weighting of the rows; a `Statistic`, `(b, 1)`."""
    return mmd2(x, y, x_counts, y_counts, kernel=polynomial_kernel)[:, None]


def mmd2(
    x: Floats, y: Floats, x_counts: Floats, y_counts: Floats, *, kernel: Kernel, block: int = _BLOCK_ROWS
) -> Floats:
    """Unbiased MMD² for each weighting of the rows, a block of rows at a time.

    A row that was drawn twice is no pair with itself: k(x, x) would bring back the bias that leaving out i = j avoids.

    Args:
        x: `(n, d)`.
        y: `(m, d)`.
        x_counts: `(b, n)` how often each row counts; at least two rows must.
        y_counts: `(b, m)`.
        kernel: of two vectors.
        block: rows at a time.

    Returns:
        `(b,)`.
    """
    within_x = _within(x, x_counts, kernel, block) / _pair_count(x_counts)
    within_y = _within(y, y_counts, kernel, block) / _pair_count(y_counts)
    between = sum(_weighted(kernel(x[rows], y), x_counts[:, rows], y_counts) for rows in _blocks(len(x), block))
    found: Floats = within_x + within_y - 2 * between / (x_counts.sum(axis=1) * y_counts.sum(axis=1))
    return found


def median_distance(x: Floats, y: Floats, *, seed: int = 0) -> float:
    """Median distance of two different rows of both sets together, from at most 1,000 of them.

    Raises:
        ValueError: more than half of the rows are the same.
    """
    both = np.concatenate([x, y])
    some = both[np.random.default_rng([seed, 11]).permutation(len(both))[:_MEDIAN_ROWS]]
    distances = np.sqrt(_squared(some, some)[np.triu_indices(len(some), 1)])
    median = float(np.median(distances))
    if not median > 0:
        msg = f"the median distance of {len(some)} vectors is {median:g}: most are the same, so no kernel width follows"
        raise ValueError(msg)
    return median


def gaussian_test(x: Floats, y: Floats, *, seed: int = 0, permutations: int = 200) -> tuple[float, float]:
    """MMD² with a Gaussian kernel of the median distance, and the chance of as much between sets of one population.

    Args:
        x: `(n, d)`.
        y: `(m, d)`.
        seed: of the permutations.
        permutations: of the rows among both sets; the smallest p is 1 / (permutations + 1).

    Returns:
        MMD² and p.
    """
    both = np.concatenate([x, y])
    inside = np.zeros((permutations + 1, len(both)))
    inside[0, : len(x)] = 1
    random = np.random.default_rng([seed, 12])
    for permuted in inside[1:]:
        permuted[random.permutation(len(both))[: len(x)]] = 1
    kernel = gaussian_kernel(median_distance(x, y, seed=seed))
    found = mmd2(both, both, inside, 1 - inside, kernel=kernel)
    at_least = int(np.count_nonzero(found[1:] >= found[0]))
    return float(found[0]), (1 + at_least) / (1 + permutations)


def _within(x: Floats, counts: Floats, kernel: Kernel, block: int) -> Floats:
    """Σ wᵢ wⱼ k(xᵢ, xⱼ) over i ≠ j, for each weighting."""
    total = np.zeros(len(counts))
    for rows in _blocks(len(x), block):
        values = kernel(x[rows], x)
        here = np.arange(len(values))
        values[here, rows.start + here] = 0
        total += _weighted(values, counts[:, rows], counts)
    return total


def _weighted(values: Floats, row_counts: Floats, column_counts: Floats) -> Floats:
    """Σ wᵢ vⱼ kᵢⱼ for each weighting."""
    weighted: Floats = np.einsum("bi,bi->b", row_counts, column_counts @ values.T)
    return weighted


def _blocks(rows: int, block: int) -> list[slice]:
    return [slice(start, start + block) for start in range(0, rows, block)]


def _pair_count(counts: Floats) -> Floats:
    pairs: Floats = counts.sum(axis=1) ** 2 - (counts**2).sum(axis=1)
    return pairs


def _squared(x: Floats, y: Floats) -> Floats:
    squared = x @ y.T
    squared *= -2
    squared += np.einsum("ij,ij->i", x, x)[:, None]
    squared += np.einsum("ij,ij->i", y, y)
    return np.maximum(squared, 0, out=squared)
