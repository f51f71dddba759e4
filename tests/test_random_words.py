from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxpress.loaders.random_words import AUGMENTATION, DRAW, PATCH, SHUFFLE, WORDS, first_words, random_words


def test_known_words_stay_the_same_across_versions():
    words = random_words(seed=20220614, epoch=3, purpose=PATCH, index=7, number=1, count=3)
    assert words.tolist() == [16421098388489656694, 7626969671354643871, 11331667123680030415]


def test_words_for_different_purposes_differ():
    addresses = [
        {"seed": seed, "epoch": epoch, "purpose": purpose, "index": index, "number": number}
        for seed in (0, 1)
        for epoch in (0, 1)
        for purpose in (SHUFFLE, PATCH, AUGMENTATION, DRAW)
        for index in (0, 1)
        for number in (0, 1)
    ]
    words = np.concatenate([random_words(**address, count=16) for address in addresses])
    assert len(set(words.tolist())) == len(words)


def test_fewer_words_are_a_prefix_of_more():
    few = random_words(seed=5, epoch=0, purpose=PATCH, count=3)
    assert random_words(seed=5, epoch=0, purpose=PATCH, count=9)[:3].tolist() == few.tolist()


a_word = st.integers(0, 2**64 - 1)
addresses = st.lists(st.tuples(st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1)), min_size=1, max_size=5)


@given(seed=a_word, epoch=a_word, purpose=st.sampled_from([SHUFFLE, PATCH, AUGMENTATION, DRAW]), where=addresses)
def test_the_first_words_of_many_addresses_are_those_of_each(seed, epoch, purpose, where):
    base = {"seed": seed, "epoch": epoch, "purpose": purpose}
    many = first_words(**base, indices=np.array([index for index, _ in where]), numbers=np.array([n for _, n in where]))
    each = [random_words(**base, count=WORDS, index=index, number=number).tolist() for index, number in where]
    assert many.tolist() == each


@pytest.mark.parametrize(("seed", "epoch"), [(-1, 0), (2**64, 0), (0, -1), (0, 2**64)])
def test_what_does_not_fit_a_word_is_refused(seed, epoch):
    with pytest.raises(ValueError, match="must be 0 to 2"):
        random_words(seed=seed, epoch=epoch, purpose=SHUFFLE, count=1)
