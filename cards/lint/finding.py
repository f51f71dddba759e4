"""What the linter finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Finding", "fault", "missing", "warning"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong with a card.

    Attributes:
        level: an `error` refuses; a `warning` is for people to look at.
        part: `facts` are held against the data and the rules of the Hub, and nobody can overrule them; `human` is what
            only people can write.
        where: field of the header, or heading of a section.
        message: what is wrong, and what to do.
    """

    level: Literal["error", "warning"]
    part: Literal["facts", "human"]
    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.level}: {self.where}: {self.message}"


def fault(where: str, message: str) -> Finding:
    """A wrong fact."""
    return Finding(level="error", part="facts", where=where, message=message)


def missing(where: str, message: str) -> Finding:
    """Something that people still have to say."""
    return Finding(level="error", part="human", where=where, message=message)


def warning(where: str, message: str) -> Finding:
    """Something to look at."""
    return Finding(level="warning", part="facts", where=where, message=message)
