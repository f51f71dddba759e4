"""A column that sorts rows into classes: diagnosis, sex, contrast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from numpy.typing import ArrayLike, NDArray

__all__ = ["Classes"]

_ROUNDING: Final = 1e-9
"""What a sum of shares such as 0.1 + 0.2 + 0.7 may miss 1 by."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Classes:
    """The class of each row.

    Attributes:
        names: (c,) values of the column that occur, ascending.
        codes: (n,) class of each row, as a position in `names`.
    """

    names: tuple[Any, ...]
    codes: NDArray[np.int64]

    @classmethod
    def of(cls, values: ArrayLike) -> Self:
        """The classes of a column.

        Args:
            values: (n,) strings, integers or booleans.

        Raises:
            ValueError: values are missing, or are fractions.
        """
        column = np.asarray(values)
        missing = _missing(column)
        if missing:
            msg = f"{missing} of {len(column)} rows have no value; select those that have one, where('… is not None')"
            raise ValueError(msg)
        if column.ndim != 1 or (column.dtype.kind == "f" and (column % 1).any()):
            msg = f"classes are strings or whole numbers, one for each row, got {column.dtype} of shape {column.shape}"
            raise ValueError(msg)
        names, codes = np.unique(column, return_inverse=True)
        return cls(names=tuple(names.tolist()), codes=codes.astype(np.int64, copy=False))

    @classmethod
    def of_encoded(cls, values: ArrayLike, indices: NDArray[np.integer[Any]]) -> Self:
        """The classes of a column that is stored as a dictionary.

        Args:
            values: the different values of the column; not all need occur.
            indices: (n,) value of each row, as a position in them.
        """
        column = np.asarray(values)
        occurs = np.bincount(indices, minlength=len(column)) > 0
        classes = cls.of(column[occurs])
        codes = np.zeros(len(column), dtype=np.int64)
        codes[occurs] = classes.codes
        return cls(names=classes.names, codes=codes[indices])

    @property
    def counts(self) -> NDArray[np.int64]:
        """(c,) rows of each class."""
        return np.bincount(self.codes, minlength=len(self.names))

    def balancing_weights(self) -> NDArray[np.float64]:
        """(n,) weights of the rows with which all classes are equally likely."""
        return (1.0 / np.maximum(self.counts, 1))[self.codes]

    def sharing_weights(self, shares: Mapping[Any, float]) -> NDArray[np.float64]:
        """(n,) weights of the rows with which some classes have the shares that are asked for.

        Args:
            shares: class → its part of all draws, 0 to 1. The classes that are not named keep their proportions to
                each other in what is left.

        Raises:
            ValueError: a class does not occur, or shares do not make a whole.
        """
        self._check_shares(shares)
        named = np.array([name in shares for name in self.names])
        asked = np.array([shares.get(name, 0.0) for name in self.names], dtype=np.float64)
        rest, others = 1.0 - asked.sum(), self.counts[~named].sum()
        each = asked / self.counts
        each[~named] = max(rest, 0.0) / max(others, 1)
        return each[self.codes]

    def _check_shares(self, shares: Mapping[Any, float]) -> None:
        unknown = [name for name in shares if name not in self.names]
        if unknown or not shares:
            shown = ", ".join(map(repr, self.names[:20]))
            msg = f"shares must name classes that occur, which are {shown}; got {unknown or 'none'}"
            raise ValueError(msg)
        wrong = {name: share for name, share in shares.items() if not 0 <= share <= 1}
        total = sum(shares.values())
        if wrong or total > 1 + _ROUNDING:
            msg = f"each share must be 0 to 1, and all together at most 1, got {dict(shares)}"
            raise ValueError(msg)
        if len(shares) == len(self.names) and total < 1 - _ROUNDING:
            msg = f"shares of all classes must add up to 1, got {dict(shares)}, which is {total:g}"
            raise ValueError(msg)


def _missing(column: NDArray[Any]) -> int:
    if column.dtype.kind == "f":
        return int(np.isnan(column).sum())
    if column.dtype.kind == "O":
        # a missing value differs from itself, or is None
        return sum(value is None or value != value for value in column)  # noqa: PLR0124
    return 0
