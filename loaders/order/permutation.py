"""A pseudo-random permutation that is asked place by place: nothing is sorted and nothing is kept.

A balanced Feistel network (Luby and Rackoff, "How to construct pseudorandom permutations from pseudorandom functions",
SIAM J. Comput. 1988) permutes the numbers of an even count of bits; numbers that it leads out of the range are sent
through it again until they are back, which keeps it one to one (cycle walking: Black and Rogaway, "Ciphers with
arbitrary finite domains", CT-RSA 2002). From 16 numbers on, the range is at least a quarter of the network's, so that
takes under four passes on average. This is for shuffling, not for secrets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ..random_words import SHUFFLE, random_words
from .mixer import GAMMA, mix

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["MOST", "permuted", "unpermuted"]

MOST: Final = 2**40
"""Largest permutation."""

_ROUNDS: Final = 8
_LEAST_HALF: Final = 3
"""Bits. Networks of 2 + 2 bits favour some permutations, however many rounds they have; those of 3 + 3 show no bias."""
_WORD: Final = np.uint64(64)
_ONE: Final = np.uint64(1)
_BLOCK: Final = 2**14
"""Places at a time, so that what is in work stays in the processor's cache."""


def permuted(
    places: ArrayLike, size: ArrayLike, *, seed: int, epoch: int, stream: int = 0, part: ArrayLike = 0
) -> NDArray[np.int64]:
    """What stands at some places of a permutation of 0 to size - 1.

    Args:
        places: (k,), each 0 to size - 1.
        size: of the permutation, 1 to 2^40; or (k,), one for each place, to ask several permutations at once.
        seed: of the run.
        epoch: other epochs have other permutations.
        stream: tells permutations for different uses apart.
        part: number of the permutation within the stream; or (k,), one for each place.

    Returns:
        (k,) numbers, which depend on nothing but these arguments.

    Raises:
        ValueError: a size, the seed or the epoch is out of range.
        IndexError: a place is out of range.
    """
    return _walked(places, size, part, seed=seed, epoch=epoch, stream=stream, back=False)


def unpermuted(
    numbers: ArrayLike, size: ArrayLike, *, seed: int, epoch: int, stream: int = 0, part: ArrayLike = 0
) -> NDArray[np.int64]:
    """The places at which some numbers stand: the inverse of `permuted`, with the same arguments."""
    return _walked(numbers, size, part, seed=seed, epoch=epoch, stream=stream, back=True)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Network:
    """A Feistel network, or one for each number that is sent through.

    Attributes:
        size: (1,) or (k,) numbers that are permuted.
        half: (1,) or (k,) bits of half a number.
        keys: (rounds, 1) or (rounds, k).
        back: whether the rounds are undone.
    """

    size: NDArray[np.uint64]
    half: NDArray[np.uint64]
    keys: NDArray[np.uint64]
    back: bool

    def walk(self, numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """Send numbers through until all are in range."""
        out = self._once(numbers)
        outside = np.flatnonzero(out >= self.size)
        network = self._of(outside)
        while outside.size:
            again = network._once(out[outside])  # noqa: SLF001 - of the same class
            out[outside] = again
            still = np.flatnonzero(again >= network.size)
            outside, network = outside[still], network._of(still)  # noqa: SLF001
        return out

    def _once(self, numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
        unused = _WORD - self.half
        left = numbers >> self.half
        right: NDArray[np.uint64] = numbers ^ (left << self.half)
        if self.back:
            for key in self.keys[::-1]:
                left, right = right ^ (mix(left + key) >> unused), left
        else:
            for key in self.keys:
                left, right = right, left ^ (mix(right + key) >> unused)
        return (left << self.half) | right

    def _of(self, chosen: NDArray[np.intp]) -> _Network:
        """The networks of some of the numbers."""

        def of(values: NDArray[Any]) -> NDArray[Any]:
            return values if values.shape[-1] == 1 else values[..., chosen]

        return _Network(size=of(self.size), half=of(self.half), keys=of(self.keys), back=self.back)


def _walked(
    numbers: ArrayLike, size: ArrayLike, part: ArrayLike, *, seed: int, epoch: int, stream: int, back: bool
) -> NDArray[np.int64]:
    given = np.asarray(numbers, dtype=np.int64)
    sizes, parts = np.atleast_1d(np.asarray(size, np.int64)), np.atleast_1d(np.asarray(part, np.int64))
    _check(given, sizes)
    # the words are one generator's; their mixture with the part gives every part keys of its own
    words = random_words(seed=seed, epoch=epoch, purpose=SHUFFLE, number=stream, count=_ROUNDS)[:, None]
    out = np.empty(given.shape, dtype=np.int64)
    for start in range(0, len(given), _BLOCK):
        block = slice(start, start + _BLOCK)
        some, some_parts = _block(sizes, block), _block(parts, block)
        # frexp gives the bits of a number below 2^53
        half = np.maximum((np.frexp((some - 1).astype(np.float64))[1] + 1) // 2, _LEAST_HALF).astype(np.uint64)
        keys = mix(words + (some_parts.astype(np.uint64) + _ONE) * GAMMA)
        network = _Network(size=some.astype(np.uint64), half=half, keys=keys, back=back)
        out[block] = network.walk(given[block].astype(np.uint64))
    return out


def _block(values: NDArray[np.int64], block: slice) -> NDArray[np.int64]:
    return values if len(values) == 1 else values[block]


def _check(numbers: NDArray[np.int64], sizes: NDArray[np.int64]) -> None:
    if not numbers.size:
        return
    if sizes.min() < 1 or sizes.max() > MOST:
        msg = f"size must be 1 to 2^40, got {sizes.min()} to {sizes.max()}"
        raise ValueError(msg)
    outside = (numbers < 0) | (numbers >= sizes)
    if outside.any():
        msg = f"place {numbers[outside][0]} is outside of a permutation"
        raise IndexError(msg)
