"""Which samples come when, and who gets them: a pure function of (seed, epoch), the same on every machine.

Randomness comes from the raw 64-bit words of Philox, whose stream NumPy keeps across versions (that of
`Generator.permutation` it does not), addressed by what they are for. No state is carried from sample to sample.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["AUGMENTATION", "PATCH", "SHUFFLE", "deal", "order", "random_words"]

SHUFFLE: Final = 1
PATCH: Final = 2
AUGMENTATION: Final = 3
"""What random words are for: words for one purpose never serve another."""

_WORD = 2**64


def random_words(
    *, seed: int, epoch: int, purpose: int, count: int, index: int = 0, number: int = 0
) -> NDArray[np.uint64]:
    """Random 64-bit words for one purpose.

    Args:
        seed: of the run, 0 to 2^64 - 1.
        epoch: 0 to 2^64 - 1.
        purpose: `SHUFFLE`, `PATCH` or `AUGMENTATION`.
        count: how many.
        index: of the sample in its cohort.
        number: of the patch in its sample.

    Returns:
        `count` words; fewer of them are a prefix of more.

    Raises:
        ValueError: seed or epoch is out of range.
    """
    for name, value in (("seed", seed), ("epoch", epoch)):
        if not 0 <= value < _WORD:
            msg = f"{name} must be 0 to 2^64 - 1, got {value}"
            raise ValueError(msg)
    key = np.array([seed, epoch], dtype=np.uint64)
    # The first counter word counts the blocks that are drawn, so it starts at 0 for every address.
    counter = np.array([0, number, index, purpose], dtype=np.uint64)
    return np.asarray(np.random.Philox(key=key, counter=counter).random_raw(count), dtype=np.uint64)


def order(n: int, *, seed: int, epoch: int, shuffle: bool = True) -> NDArray[np.int64]:
    """The positions 0 to n - 1 in the sequence of an epoch.

    Args:
        n: number of samples.
        seed: of the run.
        epoch: every epoch has another sequence.
        shuffle: False gives 0, 1, 2, … in every epoch.

    Returns:
        (n,) permutation.
    """
    if not shuffle:
        return np.arange(n, dtype=np.int64)
    keys = random_words(seed=seed, epoch=epoch, purpose=SHUFFLE, count=n)
    return np.argsort(keys, kind="stable").astype(np.int64, copy=False)


def deal(sequence: NDArray[np.int64], *, rank: int, world_size: int, drop_last: bool = False) -> NDArray[np.int64]:
    """The part of a sequence that one rank reads.

    Dealt like cards, so that after each step the ranks together stand at the same place of the sequence,
    however many they are.

    Args:
        sequence: positions, for all ranks.
        rank: 0 to world_size - 1.
        world_size: number of ranks.
        drop_last: leave out the last few positions that would make some ranks longer than others.

    Returns:
        every world_size-th position, from the rank's own first.
    """
    if drop_last:
        sequence = sequence[: len(sequence) - len(sequence) % world_size]
    return sequence[rank::world_size]
