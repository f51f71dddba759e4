"""What the commands write with: progress on stderr, tables on stdout."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tqdm import tqdm

__all__ = ["Bar", "MistakeError", "Stages", "aligned", "note", "number", "printable", "size"]

_TERMINAL_REFRESH_S = 0.2
_LOG_REFRESH_S = 10.0


class MistakeError(Exception):
    """What was asked on the command line cannot be; the message says what to do."""


def printable(text: object) -> str:
    """Text that leaves the terminal as it is: control characters, which may come from data, are spelled out."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in str(text)
    )


def note(text: str) -> None:
    """A line that is no result: on stderr."""
    print(f"voxpress: {printable(text)}", file=sys.stderr, flush=True)


class Bar:
    """A progress bar with rate and remaining time on stderr, once there is progress; in a log file it writes seldom.

    Args:
        description: what is being done.
        unit: of what is counted.
        options: for `tqdm`.
    """

    def __init__(self, description: str, *, unit: str, **options: Any) -> None:
        self.description, self.unit, self.options = description, unit, options
        self.shown: tqdm[Any] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.shown is not None:
            self.shown.close()

    def tell(self, done: int, total: int) -> None:
        """Moves the bar; the rate counts from the first call."""
        if self.shown is None:
            self.shown = self._started(done, total)
        self.shown.update(done - self.shown.n)

    def _started(self, done: int, total: int) -> tqdm[Any]:
        from tqdm import tqdm

        terminal = sys.stderr.isatty()
        return tqdm(
            desc=self.description,
            initial=done,
            total=total,
            unit=self.unit,
            file=sys.stderr,
            dynamic_ncols=terminal,
            mininterval=_TERMINAL_REFRESH_S if terminal else _LOG_REFRESH_S,
            **self.options,
        )


class Stages:
    """A bar for each stage of a work that has several."""

    def __init__(self) -> None:
        self._stage, self._bar = "", Bar("", unit="")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.__exit__()

    def tell(self, stage: str, done: int, total: int) -> None:
        """Moves the bar of a stage; that of the one before is closed."""
        if stage != self._stage:
            self._bar.__exit__()
            self._stage, self._bar = stage, Bar(stage, unit="")
        self._bar.tell(done, total)


def aligned(rows: Iterable[Sequence[object]]) -> list[str]:
    """Rows as lines whose columns stand below each other."""
    cells = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]


def number(value: float) -> str:
    """A number for people: no more digits than they read."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def size(count: float) -> str:
    """A number of bytes for people, in decimal units, as disks are sold."""
    unit = "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if round(count) < 1000:
            break
        count, unit = count / 1000, larger
    return f"{count:,.0f} {unit}" if unit == "bytes" or count >= 100 else f"{count:.3g} {unit}"
