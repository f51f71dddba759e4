"""Hashes: of the vector alone, mirrored exactly, counted in blocks."""

import dataclasses

import numpy as np
import pytest
from head_scans import scan

from voxpress.quality.features.copy_dct import CopyDct
from voxpress.quality.features.sign_hash import SignHash, hamming_distances, nearest_hash, sign_hashes

VECTORS = np.stack([CopyDct().embed(scan(subject)) for subject in range(6)])
RANDOM = np.random.default_rng(3).integers(0, 256, (41, 32), np.uint8)


def _bits(one, other):
    return np.unpackbits(one[:, None] ^ other[None], axis=2).sum(axis=2)


def test_volume_and_vector_give_the_same_hash():
    assert (SignHash().embed(scan(2)) == sign_hashes(VECTORS)[2]).all()
    assert SignHash().embed(scan(2)).dtype == np.float32


def test_mirrored_hash_is_that_of_the_mirrored_vector():
    hashes = sign_hashes(VECTORS)
    turned = sign_hashes(CopyDct().mirrored(VECTORS))
    assert (SignHash().mirrored(hashes.astype(np.float32)) == turned).all()
    assert (turned != hashes).any(axis=1).all()


def test_another_scan_shares_nearly_all_bits_and_another_subject_does_not():
    volume = scan(0)
    noisy = dataclasses.replace(volume, image=scan(0, again=1).image)
    again = sign_hashes(CopyDct().embed(noisy)[None])
    bits = _bits(again, sign_hashes(VECTORS))[0]
    assert bits[0] <= 24
    assert bits[1:].min() > 24


@pytest.mark.parametrize("block", [1, 10, 100])
def test_blocks_count_every_bit(block):
    found = np.zeros((41, 17), np.int64)
    for where, distances in hamming_distances(RANDOM, RANDOM[:17], block=block):
        found[where] = distances
    assert (found == _bits(RANDOM, RANDOM[:17])).all()


def test_nearest_leaves_itself_out():
    twice = np.concatenate([RANDOM, RANDOM[5:6]])
    bits, rows = nearest_hash(twice, twice, same=True)
    assert bits[5] == bits[41] == 0
    assert (rows[5], rows[41]) == (41, 5)
    assert bits[0] == np.sort(_bits(RANDOM[:1], RANDOM)[0])[1]
    with pytest.raises(ValueError, match="at least 2"):
        nearest_hash(RANDOM[:1], RANDOM[:1], same=True)
