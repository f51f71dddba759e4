"""Random words that are addressed by what they are for: no state is carried from sample to sample.

They are the raw 64-bit words of Philox (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011), whose
stream NumPy keeps across versions; that of its `Generator` methods it does not.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["AUGMENTATION", "DRAW", "PATCH", "SHUFFLE", "random_words"]

SHUFFLE: Final = 1
PATCH: Final = 2
AUGMENTATION: Final = 3
DRAW: Final = 4
"""What random words are for: words for one purpose never serve another."""

_WORD = 2**64


_IDLE: Final[deque[np.random.Philox]] = deque()
"""Generators that no thread uses: a new one asks the system for entropy first."""
_FRESH: Final = np.random.Philox(0).state


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
    for name, value in (("seed", seed), ("epoch", epoch)):
        if not 0 <= value < _WORD:
            msg = f"{name} must be 0 to 2^64 - 1, got {value}"
            raise ValueError(msg)
    key = np.array([seed, epoch], dtype=np.uint64)
    # The first counter word counts the blocks that are drawn, so it starts at 0 for every address.
    counter = np.array([0, number, index, purpose], dtype=np.uint64)
    try:
        philox = _IDLE.pop()
    except IndexError:
        philox = np.random.Philox(0)
    philox.state = {**_FRESH, "state": {"counter": counter, "key": key}}
    words = np.asarray(philox.random_raw(count), dtype=np.uint64)
    _IDLE.append(philox)
    return words
