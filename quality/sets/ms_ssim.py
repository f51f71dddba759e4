"""Diversity: how alike are two random samples of the set, and two of the reference?

The mean MS-SSIM (Wang, Simoncelli & Bovik 2003) of random pairs of one set; a set of few distinct samples has more
similar pairs than the reference. Only the difference to the reference counts: neither high nor low is good in itself
(Pinaya et al. 2022, arXiv:2209.07162, report real scans at 0.65).

Pairs are compared at 2 mm in a box of 160 × 192 × 160 mm around the centre of mass: less background, which is alike in
all, and far less time. MONAI's metric halves a volume four times and wants its kernel to fit into what is left, so its
default kernel of 11 refuses any axis below 176 voxels; here it is 5, the largest that fits into 80.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from ..features.canvas import canvas_shape, on_canvas
from ..scores import Score, not_run
from .floors import RESAMPLES, SPLITS, halving, resample_counts, spread_around

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from ..volume import Volume

    Volumes: TypeAlias = Callable[[int], Volume]
    """Row → its volume; read when it is asked for."""

__all__ = [
    "FEATURE_ID",
    "LEAST_PAIRS",
    "ms_ssim",
    "ms_ssim_scores",
    "pair_similarities",
    "random_pairs",
    "scores_of_similarities",
]

_SIZE_MM = (160.0, 192.0, 160.0)
_SPACING_MM = 2.0
_KERNEL = 5
_IDS = ("set.ms_ssim", "set.ms_ssim_difference")
FEATURE_ID = f"ms_ssim/1/{_SPACING_MM:g}mm/160x192x160mm/kernel{_KERNEL}"
LEAST_PAIRS = 20
"""Below this the mean of pairs says nothing of a difference of .03."""
_PAIRS_A_SAMPLE: Final = 5
_MOST_PAIRS: Final = 1000


def random_pairs(rows: int, pairs: int, *, seed: int) -> NDArray[np.int64]:
    """`(pairs, 2)` rows, two different ones in each; a pair may come twice.

    Raises:
        ValueError: there are not two rows.
    """
    if rows < 2:
        msg = f"a pair needs two samples, got {rows}"
        raise ValueError(msg)
    random = np.random.default_rng([seed, 14])
    first = random.integers(rows, size=pairs)
    second = (first + random.integers(1, rows, size=pairs)) % rows
    return np.stack([first, second], axis=1)


def ms_ssim(a: Volume, b: Volume) -> float:
    """MS-SSIM of two volumes in the box, intensities from background (0) to the 98th percentile of the body (1)."""
    return _similarity(*(on_canvas(volume, _SIZE_MM, _SPACING_MM) for volume in (a, b)))


def pair_similarities(
    volumes: Volumes, pairs: NDArray[np.int64], *, progress: Callable[[int], None] | None = None
) -> NDArray[np.float64]:
    """MS-SSIM of each pair; two volumes are in memory at a time.

    Args:
        volumes: row → volume.
        pairs: `(p, 2)` rows.
        progress: called with the number of pairs done.
    """
    found = np.empty(len(pairs))
    for place, (first, second) in enumerate(pairs.tolist()):
        found[place] = ms_ssim(volumes(first), volumes(second))
        if progress is not None:
            progress(place + 1)
    return found


def ms_ssim_scores(
    synthetic: Volumes,
    synthetic_rows: int,
    reference: Volumes | None,
    reference_rows: int,
    *,
    pairs: int | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Score, ...]:
    """`set.ms_ssim` of the synthetic pairs beside that of as many pairs of the reference, and their difference.

    The floor of `set.ms_ssim` is the mean of the reference's pairs; that of `set.ms_ssim_difference` is the difference
    between two halves of those.

    Args:
        synthetic: row → volume.
        synthetic_rows: how many there are.
        reference: row → volume; None where there is no reference.
        reference_rows: how many there are.
        pairs: of each set; None for five a sample of the smaller one, at most 1,000: what more pairs of the same
            samples have to tell is little (the variance of a mean over pairs goes down with the samples, not with the
            pairs; Hoeffding 1948).
        seed: of the pairs.
        progress: called with the number of pairs done, and of both sets together.
    """
    if pairs is None:
        pairs = max(LEAST_PAIRS, min(_MOST_PAIRS, _PAIRS_A_SAMPLE * min(synthetic_rows, reference_rows)))
    n = {"synthetic": synthetic_rows, "reference": reference_rows, "pairs": pairs}
    reason = _why_not(reference, synthetic_rows, reference_rows, pairs)
    if reference is None or reason:
        return tuple(not_run(name, reason, feature_id=FEATURE_ID, n=n) for name in _IDS)
    of_synthetic, of_reference = (
        pair_similarities(
            volumes,
            random_pairs(rows, pairs, seed=seed + side),
            progress=None if progress is None else partial(_tell, progress, pairs, side),
        )
        for side, (volumes, rows) in enumerate(((synthetic, synthetic_rows), (reference, reference_rows)))
    )
    return scores_of_similarities(of_synthetic, of_reference, n=n, seed=seed)


def _tell(progress: Callable[[int, int], None], pairs: int, side: int, done: int) -> None:
    progress(side * pairs + done, 2 * pairs)


def _why_not(reference: Volumes | None, synthetic_rows: int, reference_rows: int, pairs: int) -> str:
    if reference is None:
        return "there is no reference; give one, because diversity is only judged beside that of real samples"
    if min(synthetic_rows, reference_rows) < 2:
        return f"{synthetic_rows} samples and {reference_rows} of the reference: at least 2 of each make a pair"
    if pairs < LEAST_PAIRS:
        return f"{pairs} pairs are too few for an interval; at least {LEAST_PAIRS} are needed"
    return ""


def scores_of_similarities(
    synthetic: NDArray[np.float64], reference: NDArray[np.float64], *, n: Mapping[str, int], seed: int = 0
) -> tuple[Score, ...]:
    """The same of pairs that have been compared.

    Args:
        synthetic: MS-SSIM of pairs of the set.
        reference: MS-SSIM of as many pairs of the reference.
        n: what was counted.
        seed: of resamples and halves.
    """
    resampled = [_means(values, seed, side) for side, values in enumerate((synthetic, reference))]
    floors = [_halves_apart(reference, seed, split) for split in range(SPLITS)]
    means = float(synthetic.mean()), float(reference.mean())
    low, high = np.quantile(floors, (0.025, 0.975)).tolist()
    mean = Score(
        id=_IDS[0],
        value=means[0],
        interval=spread_around(means[0], resampled[0]),
        floor=means[1],
        floor_interval=spread_around(means[1], resampled[1]),
        n=n,
        feature_id=FEATURE_ID,
    )
    difference = Score(
        id=_IDS[1],
        value=means[0] - means[1],
        interval=spread_around(means[0] - means[1], resampled[0] - resampled[1]),
        floor=float(np.sqrt(np.mean(np.square(floors)))),
        floor_interval=(low, high),
        n=n,
        feature_id=FEATURE_ID,
    )
    return mean, difference


def _means(values: NDArray[np.float64], seed: int, side: int) -> NDArray[np.float64]:
    counts = resample_counts(len(values), RESAMPLES, seed, 15 + side)[1:]
    means: NDArray[np.float64] = counts @ values / len(values)
    return means


def _halves_apart(values: NDArray[np.float64], seed: int, split: int) -> float:
    first, second = halving(len(values), len(values) // 2, seed, split)
    return float(values[second].mean() - values[first].mean())


def _similarity(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    import torch
    from monai.metrics.regression import MultiScaleSSIMMetric

    assert a.shape == b.shape == canvas_shape(_SIZE_MM, _SPACING_MM)
    metric = MultiScaleSSIMMetric(spatial_dims=3, data_range=1.0, kernel_size=_KERNEL)
    with torch.inference_mode():
        found = metric(torch.from_numpy(a.copy())[None, None], torch.from_numpy(b.copy())[None, None])
    return float(found.item())
