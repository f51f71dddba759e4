"""Diversity of pairs: MONAI's metric in a box of 2 mm, pair by pair."""

import numpy as np
import pytest
from scipy import ndimage

from voxpress.quality.sets.ms_ssim import ms_ssim, ms_ssim_scores, pair_similarities, random_pairs
from voxpress.quality.volume import Volume

SHAPE, SPACING = (36, 44, 36), 4.0


def _head(seed, texture=1.0):
    """A ball of 60 mm with random blobs of 12 mm."""
    grid = np.stack(np.meshgrid(*(np.arange(n) - (n - 1) / 2 for n in SHAPE), indexing="ij")) * SPACING
    inside = (grid**2).sum(axis=0) < 60**2
    blobs = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=SHAPE), 3)
    image = np.where(inside, 1 + texture * blobs / blobs.std() / 4, 0).astype(np.float32)
    return Volume(image=image, affine=np.diag([SPACING, SPACING, SPACING, 1.0]))


def test_a_volume_is_wholly_like_itself_and_less_like_others():
    assert ms_ssim(_head(1), _head(1)) == pytest.approx(1, abs=1e-5)
    assert ms_ssim(_head(1), _head(2)) < 0.95


def test_pairs_are_of_two_different_rows_and_reach_all():
    pairs = random_pairs(7, 400, seed=3)
    assert (pairs[:, 0] != pairs[:, 1]).all()
    assert len({tuple(pair) for pair in pairs.tolist()}) == 42
    np.testing.assert_array_equal(pairs, random_pairs(7, 400, seed=3))


def test_volumes_are_read_pair_by_pair():
    read = []

    def volumes(row):
        read.append(row)
        return _head(row)

    told = []
    pairs = random_pairs(5, 2, seed=0)
    pair_similarities(volumes, pairs, progress=told.append)
    assert read == pairs.ravel().tolist()
    assert told == [1, 2]


def test_a_set_of_one_sample_is_more_alike_than_the_reference(monkeypatch):
    monkeypatch.setattr("voxpress.quality.sets.ms_ssim.LEAST_PAIRS", 4)
    mean, difference = ms_ssim_scores(lambda row: _head(0), 9, _head, 9, pairs=4)
    assert (mean.id, difference.id) == ("set.ms_ssim", "set.ms_ssim_difference")
    assert mean.value == pytest.approx(1, abs=1e-5)
    assert mean.floor < 0.95
    assert difference.value == pytest.approx(mean.value - mean.floor)
    assert difference.interval[0] > 2 * difference.floor
    assert mean.n == {"synthetic": 9, "reference": 9, "pairs": 4}
    assert "kernel5" in mean.feature_id


def test_few_samples_make_few_pairs():
    told = []
    mean, _ = ms_ssim_scores(_head, 5, _head, 4, progress=lambda *done: told.append(done))
    assert mean.n["pairs"] == 20
    assert told == [(done, 40) for done in range(1, 41)]


@pytest.mark.parametrize(
    ("reference", "rows", "pairs", "reason"),
    [(None, 0, 100, "no reference"), (_head, 1, 100, "at least 2"), (_head, 9, 3, "at least 20")],
)
def test_what_cannot_be_measured_says_why(reference, rows, pairs, reason):
    for score in ms_ssim_scores(_head, 9, reference, rows, pairs=pairs):
        assert score.value is None
        assert reason in score.reason


def test_one_sample_makes_no_pair():
    with pytest.raises(ValueError, match="a pair needs two samples, got 1"):
        random_pairs(1, 5, seed=0)
