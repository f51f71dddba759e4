"""Attempts that are refused after they were made: `refused.csv`, a part of the order.

A sample that is found to be a copy or a twin is not dropped, which would change whom the data set shows: it gets the
next attempt at the same conditions. For that to be the same wherever it is made, the refused attempts are listed beside
the recipe: a sample is a pure function of (recipe, this list, index).

The file has one spelling: UTF-8, the header ``index,attempt,reason``, one line a reason, ascending, each ended by a
line feed.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ..errors import RecipeError
from ..quality.quarantine import reason_meanings
from .fields import shown

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    Attempts = Mapping[int, tuple[str, ...]]
    """Attempt → its reasons."""

__all__ = ["MOST_ATTEMPTS", "Refusals", "parse_refusals", "read_refusals"]

MOST_ATTEMPTS: Final = 6
"""One, and five more with the same conditions and other seeds."""

_HEADER: Final = "index,attempt,reason"
_LINE: Final = re.compile(r"(0|[1-9][0-9]{0,6}),(0|[1-9][0-9]{0,2}),([A-Z][A-Z0-9_]{0,63})")
_MOST_BYTES: Final = 256 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusals:
    """The refused attempts of a data set.

    Attributes:
        attempts: index → attempt → reasons, all ascending.

    Raises:
        RecipeError: an attempt that no sample has, one without reasons, or a reason that is no known code.
    """

    attempts: Mapping[int, Attempts]

    def __post_init__(self) -> None:
        known = reason_meanings()
        for index, tried in self.attempts.items():
            for attempt, reasons in tried.items():
                where = f"row {index}, attempt {attempt}"
                if not 0 <= attempt < MOST_ATTEMPTS:
                    msg = f"{where}: an attempt must be from 0 to {MOST_ATTEMPTS - 1}, as no sample has more"
                    raise RecipeError(msg)
                if unknown := [reason for reason in reasons if reason not in known]:
                    msg = f"{where}: a reason must be one of {', '.join(known)}, got {shown(unknown[0])}"
                    raise RecipeError(msg)
                if not reasons:
                    msg = f"{where}: must have a reason, got none"
                    raise RecipeError(msg)

    def __len__(self) -> int:
        return sum(map(len, self.attempts.values()))

    def of(self, index: int) -> Attempts:
        """The refused attempts at one row."""
        return self.attempts.get(index, {})

    def to_csv(self) -> bytes:
        """The content of `refused.csv`."""
        lines = [
            f"{index},{attempt},{reason}"
            for index, tried in sorted(self.attempts.items())
            for attempt, reasons in sorted(tried.items())
            for reason in sorted(set(reasons))
        ]
        return "".join(f"{line}\n" for line in (_HEADER, *lines)).encode()

    @property
    def sha256(self) -> str:
        """Of the bytes of `refused.csv`, in hexadecimal."""
        return hashlib.sha256(self.to_csv()).hexdigest()

    def joined(self, more: Refusals) -> Refusals:
        """These and more; an attempt that both refuse has the reasons of both."""
        attempts: dict[int, dict[int, set[str]]] = {}
        for refusals in (self, more):
            for index, tried in refusals.attempts.items():
                for attempt, reasons in tried.items():
                    attempts.setdefault(index, {}).setdefault(attempt, set()).update(reasons)
        return _sorted(attempts)


def parse_refusals(data: bytes, *, source: str = "refused.csv") -> Refusals:
    """Reads a refusal list from its bytes.

    Raises:
        RecipeError: it is not in its one spelling, or names what cannot be; the message has the line.
    """
    if len(data) > _MOST_BYTES:
        msg = f"{source} must have at most {_MOST_BYTES} bytes"
        raise RecipeError(msg)
    header, *lines = data.decode(errors="replace").split("\n")
    if header != _HEADER or len(lines) < 2 or lines[-1]:
        msg = (
            f"{source} must be the line {_HEADER!r}, then one line a reason, each ended by a line feed, got "
            f"{shown(header if header != _HEADER else lines[-1])}"
        )
        raise RecipeError(msg)
    attempts: dict[int, dict[int, set[str]]] = {}
    before: tuple[int, int, str] | None = None
    for number, line in enumerate(lines[:-1], start=2):
        match = _LINE.fullmatch(line)
        if match is None:
            msg = f"{source}: line {number} must be like 17,0,COPY_CONFIRMED, got {shown(line)}"
            raise RecipeError(msg)
        row = (int(match[1]), int(match[2]), match[3])
        if before is not None and row <= before:
            msg = f"{source}: lines must be sorted by index, attempt and reason, each once; line {number} is not"
            raise RecipeError(msg)
        attempts.setdefault(row[0], {}).setdefault(row[1], set()).add(row[2])
        before = row
    try:
        return _sorted(attempts)
    except RecipeError as error:
        msg = f"{source}: {error}"
        raise RecipeError(msg) from None


def read_refusals(path: Path) -> Refusals:
    """Reads a refusal list.

    Raises:
        RecipeError: it cannot be read, or as for `parse_refusals`.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        msg = f"the refusal list {path} cannot be read: {error.strerror or error}; its path is relative to the recipe"
        raise RecipeError(msg) from None
    return parse_refusals(data, source=path.name)


def _sorted(attempts: Mapping[int, Mapping[int, set[str]]]) -> Refusals:
    return Refusals(
        attempts={
            index: {attempt: tuple(sorted(reasons)) for attempt, reasons in sorted(tried.items())}
            for index, tried in sorted(attempts.items())
        }
    )
