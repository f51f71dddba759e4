"""A 64-bit mixer: what makes neighbouring numbers unrelated, the same on every machine.

The finaliser of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014, with
the constants of Stafford's variant 13), which passes BigCrush when it is fed with multiples of `GAMMA`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from ..random_words import random_words

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["GAMMA", "mix", "words_at"]

GAMMA: Final = np.uint64(0x9E3779B97F4A7C15)
"""2^64 over the golden ratio, odd."""

_FIRST: Final = np.uint64(0xBF58476D1CE4E5B9)
_SECOND: Final = np.uint64(0x94D049BB133111EB)
_SHIFTS: Final = (np.uint64(30), np.uint64(27), np.uint64(31))


def mix(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A one-to-one map of 64-bit words, each bit of which depends on all bits of the argument.

    Args:
        words: any shape, but not a scalar: NumPy warns of overflow in those.
    """
    first, second, third = _SHIFTS
    mixed = words ^ (words >> first)
    mixed *= _FIRST
    mixed ^= mixed >> second
    mixed *= _SECOND
    mixed ^= mixed >> third
    return mixed


def words_at(places: NDArray[np.int64], *, seed: int, epoch: int, purpose: int) -> NDArray[np.uint64]:
    """A random word for each place of an epoch's sequence: SplitMix64 entered at any place, from a start by Philox.

    Args:
        places: (k,) of the sequence, in any order.
        seed: of the run.
        epoch: other epochs have other words.
        purpose: as in `random_words`.
    """
    start = random_words(seed=seed, epoch=epoch, purpose=purpose, count=1)
    return mix(start + (places.astype(np.uint64) + np.uint64(1)) * GAMMA)
