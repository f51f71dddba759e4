"""The noise of one sample: standard normal numbers as a pure function of its seed.

Raw bits of the counter-based generator Philox, which NumPy promises to keep, go through our own Box–Muller transform in
float64 and are then rounded to float32: what libraries of mathematics disagree about, the last bit of a float64, is
gone after the rounding but for about one value in a billion. NumPy's and torch's own normal numbers are not promised
to stay the same.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ...streams import stream_key

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["initial_noise", "standard_normal", "step_noise"]


def standard_normal(seed: int, stream: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Standard normal numbers; a longer array begins with the numbers of a shorter one.

    Args:
        seed: of the order.
        stream: of this use; different streams of one seed are independent.
        shape: of the array.
    """
    count = math.prod(shape)
    pairs = -(-count // 2)
    raw = np.random.Philox(key=stream_key(seed, stream)).random_raw(2 * pairs)
    # centres of 2^52 equal steps: never 0, whose logarithm is not finite
    uniform = ((raw >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52
    radius = np.sqrt(-2 * np.log(uniform[::2]))
    angle = 2 * np.pi * uniform[1::2]
    values = np.empty(2 * pairs)
    values[::2] = radius * np.cos(angle)
    values[1::2] = radius * np.sin(angle)
    return values[:count].astype(np.float32).reshape(shape)


def initial_noise(seed: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """The latent that a sample starts from."""
    return standard_normal(seed, "latent", shape)


def step_noise(seed: int, step: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """What a stochastic solver adds after one of its steps."""
    return standard_normal(seed, f"step/{step}", shape)
