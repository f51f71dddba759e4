from __future__ import annotations

import numpy as np
import pytest

from voxpress.loaders.random_words import AUGMENTATION, DRAW, PATCH, SHUFFLE, random_words


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


@pytest.mark.parametrize(("seed", "epoch"), [(-1, 0), (2**64, 0), (0, -1), (0, 2**64)])
def test_what_does_not_fit_a_word_is_refused(seed, epoch):
    with pytest.raises(ValueError, match="must be 0 to 2"):
        random_words(seed=seed, epoch=epoch, purpose=SHUFFLE, count=1)
