"""Duplicates by digest, and by hash and embedding, against all pairs at once."""

import numpy as np
import pytest

from voxpress.quality.sets import duplicates
from voxpress.quality.sets.duplicates import exact_duplicates, hash_words, near_duplicates

RANDOM = np.random.default_rng(11)


def _hash(embeddings):
    return hash_words(np.packbits(embeddings[:, :256] > 0, axis=1))


def _samples(n=300, width=400, copies=((3, 120), (120, 250), (7, 8))):
    """Random embeddings with some near copies, and the hash of their signs."""
    embeddings = RANDOM.normal(size=(n, width)).astype(np.float32)
    for first, later in copies:
        embeddings[later] = embeddings[first] + RANDOM.normal(0, 0.1, width)
    return embeddings, _hash(embeddings)


def _naive(embeddings, bits, hamming, cosine):
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    found = {}
    for later in range(len(bits)):
        for earlier in range(later):
            alike = (bits[later] != bits[earlier]).sum() <= hamming and unit[later] @ unit[earlier] > cosine
            if alike and later not in found:
                found[later] = earlier
    return found


def test_digests_that_come_again_are_duplicates_of_the_first():
    found = [(pair.row, pair.first) for pair in exact_duplicates(["a", "b", "a", "c", "b", "a"])]
    assert found == [(2, 0), (4, 1), (5, 0)]


@pytest.mark.parametrize(("rows", "columns", "later"), [(1, 1, 1), (7, 64, 3), (128, 8192, 4096)])
@pytest.mark.parametrize(("hamming", "cosine"), [(24, 0.9), (110, 0.05)])
def test_tiles_find_what_all_pairs_find(monkeypatch, rows, columns, later, hamming, cosine):
    for name, value in (("_ROWS", rows), ("_COLUMNS", columns), ("_LATER", later)):
        monkeypatch.setattr(duplicates, name, value)
    embeddings, hashes = _samples(n=90, copies=((3, 20), (20, 50), (7, 8)))
    found = near_duplicates(hashes, embeddings, hamming=hamming, cosine=cosine)
    assert {pair.row: pair.first for pair in found} == _naive(embeddings, embeddings[:, :256] > 0, hamming, cosine)


def test_planted_copies_are_found_with_bits_and_cosine():
    embeddings, hashes = _samples()
    found = near_duplicates(hashes, embeddings)
    assert [(pair.row, pair.first) for pair in found] == [(8, 7), (120, 3), (250, 3)]
    for pair in found:
        assert pair.hamming == ((embeddings[pair.row] > 0) != (embeddings[pair.first] > 0))[:256].sum()
        assert pair.cosine > 0.95


def test_equal_hashes_alone_are_not_enough():
    embeddings, hashes = _samples(copies=())
    hashes[9] = hashes[2]
    assert near_duplicates(hashes, embeddings) == []


def test_a_set_of_one_sample_has_all_but_the_first():
    embeddings = np.tile(RANDOM.normal(size=(1, 256)).astype(np.float32), (500, 1))
    found = near_duplicates(_hash(embeddings), embeddings)
    assert [(pair.row, pair.first, pair.hamming) for pair in found] == [(row, 0, 0) for row in range(1, 500)]


def test_hash_words_keep_every_bit():
    bits = RANDOM.integers(0, 2, (5, 256)).astype(bool)
    words = hash_words(np.packbits(bits, axis=1).astype(np.float32))
    assert words.shape == (5, 4)
    apart = np.bitwise_count(words[0] ^ words[1]).sum()
    assert apart == (bits[0] != bits[1]).sum()


@pytest.mark.parametrize("shape", [(3, 12), (3, 0), (64,)])
def test_a_hash_of_another_size_is_refused(shape):
    with pytest.raises(ValueError, match="multiple of 8 bytes"):
        hash_words(np.zeros(shape, np.float32))


@pytest.mark.parametrize("value", [0.5, 256, -1])
def test_what_is_no_byte_is_refused(value):
    with pytest.raises(ValueError, match="whole numbers from 0 to 255"):
        hash_words(np.full((3, 32), value, np.float32))


def test_cosines_are_taken_about_the_population():
    common = RANDOM.normal(0, 50, 400)
    embeddings = (common + RANDOM.normal(size=(20, 400))).astype(np.float32)
    embeddings[9] = embeddings[4] + RANDOM.normal(0, 0.1, 400)
    hashes = _hash(embeddings)
    assert len(near_duplicates(hashes, embeddings)) == 19
    found = near_duplicates(hashes, embeddings, centre=common, deviation=np.ones(400))
    assert [(pair.row, pair.first) for pair in found] == [(9, 4)]


def test_hashes_and_embeddings_of_different_samples_are_refused():
    with pytest.raises(ValueError, match="3 hashes and 2 embeddings"):
        near_duplicates(np.zeros((3, 4), np.uint64), np.zeros((2, 5), np.float32))
