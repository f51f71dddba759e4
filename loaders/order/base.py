"""What every order is: a frozen value that says which row of a cohort stands at which place of an epoch's sequence."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Order", "checked_places", "digest", "frozen_array"]


@runtime_checkable
class Order(Protocol):
    """Which row stands where. Values of this kind are pickled to worker processes, and asked from many threads."""

    @property
    def cohort_rows(self) -> int:
        """Rows of the cohort that it was made for."""

    def __len__(self) -> int:
        """Places in the sequence of an epoch, the same in every epoch."""

    def rows(self, places: ArrayLike, *, seed: int, epoch: int) -> NDArray[np.int64]:
        """The rows at some places.

        Args:
            places: (k,), each 0 to len - 1, in any order.
            seed: of the run, 0 to 2^64 - 1.
            epoch: 0 to 2^64 - 1.

        Returns:
            (k,) rows of the cohort; the same for the same arguments, on every machine and in every process.

        Raises:
            IndexError: a place is out of range.
        """

    def fingerprint(self) -> str:
        """64 hexadecimal digits, which differ between orders whose sequences differ."""


def checked_places(places: ArrayLike, count: int) -> NDArray[np.int64]:
    """Places as integers.

    Raises:
        IndexError: one is not in a sequence of `count` places.
    """
    checked = np.asarray(places, dtype=np.int64)
    if checked.size and not (checked.min() >= 0 and checked.max() < count):
        outside = checked[(checked < 0) | (checked >= count)][0]
        msg = f"place {outside} of a sequence of {count} places"
        raise IndexError(msg)
    return checked


def digest(name: str, *parts: int | NDArray[Any]) -> str:
    """Sha256 of the name of a kind of order and of the numbers that determine its sequence."""
    hashed = hashlib.sha256(name.encode())
    for part in parts:
        values = np.asarray(part)
        values = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))
        hashed.update(f"|{values.dtype.str}{values.shape}|".encode())
        hashed.update(values.data.cast("B") if values.size else b"")
    return hashed.hexdigest()


def frozen_array(values: ArrayLike, dtype: type[np.generic]) -> NDArray[Any]:
    """An array of one dimension that cannot be written to; no copy where none is needed.

    Raises:
        ValueError: it has another number of dimensions.
    """
    array = np.asarray(values, dtype=dtype).view()
    if array.ndim != 1:
        msg = f"one value for each row is needed, in one dimension, got an array of shape {array.shape}"
        raise ValueError(msg)
    array.flags.writeable = False
    return array
