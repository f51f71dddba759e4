"""Random words that are addressed by what they are for: no state is carried from sample to sample.

They are the raw 64-bit words of Philox (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011), whose
stream NumPy keeps across versions; that of its `Generator` methods it does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["AUGMENTATION", "DRAW", "PATCH", "SHUFFLE", "WORDS", "first_words", "random_words"]

SHUFFLE: Final = 1
PATCH: Final = 2
AUGMENTATION: Final = 3
DRAW: Final = 4
"""What random words are for: words for one purpose never serve another."""

WORDS: Final = 4
"""Of a block of Philox, which is what `first_words` gives of each address."""

_WORD = 2**64
_HALF = np.uint64(32)
_LOW = np.uint64(2**32 - 1)

_MULTIPLIERS: Final = np.array([[0xD2E7470EE14C6C93], [0xCA5A826395121157]], dtype=np.uint64)
_HALVES: Final = (_MULTIPLIERS & _LOW, _MULTIPLIERS >> _HALF)
_BUMPS: Final = np.array([[0x9E3779B97F4A7C15], [0xBB67AE8584CAA73B]], dtype=np.uint64)
_ROUNDS: Final = 10
"""Of Philox4x64-10 (Salmon et al., section 4.2 and table 2; the multipliers and bumps of Random123)."""


def random_words(
    *, seed: int, epoch: int, purpose: int, count: int, index: int = 0, number: int = 0
) -> NDArray[np.uint64]:
    """Random 64-bit words for one purpose.

    Args:
        seed: of the run, 0 to 2^64 - 1.
        epoch: 0 to 2^64 - 1.
        purpose: `SHUFFLE`, `PATCH`, `AUGMENTATION` or `DRAW`.
        count: how many.
        index: of the sample in its cohort.
        number: of the patch in its sample.

    Returns:
        `count` words; fewer of them are a prefix of more.

    Raises:
        ValueError: seed or epoch is out of range.
    """
    key = _key(seed, epoch)
    # The first counter word counts the blocks that are drawn, so it starts at 0 for every address.
    counter = np.array([0, number, index, purpose], dtype=np.uint64)
    return np.asarray(np.random.Philox(key=key, counter=counter).random_raw(count), dtype=np.uint64)


def first_words(
    *, seed: int, epoch: int, purpose: int, indices: NDArray[np.int64], numbers: NDArray[np.int64]
) -> NDArray[np.uint64]:
    """The first words of many addresses at once: those of `random_words`, at a twentieth of its cost.

    Args:
        seed: as in `random_words`.
        epoch: as in `random_words`.
        purpose: as in `random_words`.
        indices: (n,) of the samples.
        numbers: (n,) of the patches.

    Returns:
        (n, 4)

    Raises:
        ValueError: seed or epoch is out of range.
    """
    key = _key(seed, epoch)[:, None]
    # NumPy counts a block before it draws it
    multiplied = np.stack([np.ones_like(indices), indices]).astype(np.uint64)
    mixed = np.stack([numbers, np.full_like(numbers, purpose)]).astype(np.uint64)
    for _ in range(_ROUNDS):
        high, low = _products(multiplied)
        multiplied, mixed = high[::-1] ^ mixed ^ key, low[::-1]
        key = key + _BUMPS
    return np.stack([multiplied[0], mixed[0], multiplied[1], mixed[1]], axis=1)


def _key(seed: int, epoch: int) -> NDArray[np.uint64]:
    for name, value in (("seed", seed), ("epoch", epoch)):
        if not 0 <= value < _WORD:
            msg = f"{name} must be 0 to 2^64 - 1, got {value}"
            raise ValueError(msg)
    return np.array([seed, epoch], dtype=np.uint64)


def _products(words: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """High and low words of (2, n) words by `_MULTIPLIERS`, by way of their halves."""
    low, high = words & _LOW, words >> _HALF
    middle = _HALVES[1] * low + (_HALVES[0] * low >> _HALF)
    other = _HALVES[0] * high + (middle & _LOW)
    return _HALVES[1] * high + (middle >> _HALF) + (other >> _HALF), _MULTIPLIERS * words
