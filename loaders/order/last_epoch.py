"""What an order works out once for an epoch, kept until another epoch is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LastEpoch"]

_T = TypeVar("_T")


class LastEpoch(Generic[_T]):
    """The last value of a function of (seed, epoch). Threads may share it; a pickle of it is empty."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held: tuple[int, int, _T] | None = None

    def __reduce__(self) -> tuple[type[LastEpoch[_T]], tuple[()]]:
        return LastEpoch, ()

    def get(self, seed: int, epoch: int, make: Callable[[int, int], _T]) -> _T:
        """The value for an epoch, made if it is not the one that is held."""
        held = self._held
        if held is None or held[:2] != (seed, epoch):
            held = self._held = (seed, epoch, make(seed, epoch))
        return held[2]
