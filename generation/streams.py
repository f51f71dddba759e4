"""Random numbers as a pure function of (recipe seed, name of the stream, row).

Every stream has a key of its own (BLAKE2b of the seed and the name), and is the raw output of the counter-based
generator Philox, which NumPy promises to keep; its distributions, which NumPy may change, are not used. A row's
number does not depend on how many rows there are, or on which streams were read before.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["sample_seed", "stream_key", "uniforms"]


def stream_key(seed: int, stream: str, *, bits: int = 128) -> int:
    """The key of one stream, a whole number of so many bits (a multiple of 8)."""
    return int.from_bytes(hashlib.blake2b(f"{seed}/{stream}".encode(), digest_size=bits // 8).digest(), "little")


def uniforms(seed: int, stream: str, rows: int) -> NDArray[np.float64]:
    """One number strictly between 0 and 1 a row.

    They are the centres of 2^52 equal steps, so that both ends are left out exactly and an inverse distribution
    function is always finite.
    """
    raw = np.random.Philox(key=stream_key(seed, stream)).random_raw(rows)
    return ((raw >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52


def sample_seed(seed: int, index: int, attempt: int) -> int:
    """The 63-bit seed of one attempt at one sample: the only randomness that a backend gets."""
    return stream_key(seed, f"sample/{index}/{attempt}", bits=64) >> 1
