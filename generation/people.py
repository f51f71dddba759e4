"""The people file: a CSV with one row a sample, whose columns are conditions.

Read whole and kept as text; a column becomes numbers only when a condition asks for it, so that the file may hold
whatever else its owner keeps there. UTF-8 (with or without a byte order mark), commas, a header in the first line.
"""

from __future__ import annotations

import csv
import hashlib
import io
import math
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import RecipeError
from .fields import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["People", "parse_people", "read_people"]

MAX_BYTES = 1 << 30
MAX_ROWS = 10_000_000
MAX_COLUMNS = 1_000
_MAX_TOLD = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """The rows of a people file.

    Attributes:
        source: name of the file, for errors.
        sha256: of its bytes, in hexadecimal.
        columns: column → one text a row, without the blanks around it.
        lines: line of the file on which each row ends, counted from 1.
    """

    source: str
    sha256: str
    columns: Mapping[str, tuple[str, ...]]
    lines: tuple[int, ...]

    @property
    def rows(self) -> int:
        """Number of people."""
        return len(self.lines)

    def texts(self, column: str, rows: int) -> NDArray[Any]:
        """The first rows of a column as text.

        Raises:
            RecipeError: some are blank; the message names their lines.
        """
        texts = self.columns[column][:rows]
        self._refuse(column, "a text", ((row, text) for row, text in enumerate(texts) if not text))
        return np.array(texts, dtype=np.str_)

    def numbers(self, column: str, rows: int) -> NDArray[np.float64]:
        """The first rows of a column as float64.

        Raises:
            RecipeError: some are blank, no numbers, or not finite; the message names their lines.
        """
        texts = self.columns[column][:rows]
        values = np.array([_number(text) for text in texts], dtype=np.float64)
        wrong = np.flatnonzero(~np.isfinite(values))
        self._refuse(column, "a finite number", ((int(row), texts[row]) for row in wrong))
        return values + 0.0

    def _refuse(self, column: str, must: str, wrong: Iterator[tuple[int, str]]) -> None:
        told = [f"line {self.lines[row]}: {shown(text) if text else 'blank'}" for row, text in islice(wrong, _MAX_TOLD)]
        if told:
            more = sum(1 for _ in wrong)
            rest = f" and {more} more" if more else ""
            msg = f"{self.source}: the column {column!r} must hold {must} in every row, got {'; '.join(told)}{rest}"
            raise RecipeError(msg)


def read_people(path: Path) -> People:
    """Reads a people file.

    Raises:
        RecipeError: it cannot be read, is too large, or is no CSV with one header and rows of its length.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        msg = f"the people file {path} cannot be read: {error.strerror or error}; its path is relative to the recipe"
        raise RecipeError(msg) from None
    return parse_people(data, source=path.name)


def parse_people(data: bytes, *, source: str = "people.csv") -> People:
    """Reads a people file from its bytes.

    Raises:
        RecipeError: too large, not UTF-8, or no CSV with one header and rows of its length.
    """
    if len(data) > MAX_BYTES:
        msg = f"{source} must be at most {MAX_BYTES} bytes"
        raise RecipeError(msg)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        msg = f"{source} must be UTF-8 text, got byte {data[error.start]:#04x} in line {line}; save it as UTF-8"
        raise RecipeError(msg) from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = _header(next(reader, []), source)
        lines, rows = _rows(reader, len(header), source)
    except csv.Error as error:
        msg = f"{source} must be a CSV file: line {reader.line_num}: {error}"
        raise RecipeError(msg) from None
    columns = dict(zip(header, zip(*rows, strict=True), strict=True))
    return People(source=source, sha256=hashlib.sha256(data).hexdigest(), columns=columns, lines=tuple(lines))


def _header(cells: list[str], source: str) -> list[str]:
    header = [cell.strip() for cell in cells]
    if not header or len(header) > MAX_COLUMNS:
        msg = f"{source} must start with a header of 1 to {MAX_COLUMNS} column names, got {len(header)}"
        raise RecipeError(msg)
    if "" in header:
        msg = f"{source}: every column must have a name, but column {header.index('') + 1} of line 1 has none"
        raise RecipeError(msg)
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        msg = f"{source}: every column must have a name of its own, got {', '.join(twice)} more than once"
        raise RecipeError(msg)
    return header


def _rows(reader: Any, width: int, source: str) -> tuple[list[int], list[list[str]]]:
    lines: list[int] = []
    rows: list[list[str]] = []
    for cells in reader:
        if not cells:
            continue  # an empty line, as many editors leave at the end
        if len(cells) != width:
            msg = f"{source}: line {reader.line_num} must have {width} cells, as the header has, got {len(cells)}"
            raise RecipeError(msg)
        if len(rows) >= MAX_ROWS:
            msg = f"{source} must have at most {MAX_ROWS} rows"
            raise RecipeError(msg)
        lines.append(reader.line_num)
        rows.append([cell.strip() for cell in cells])
    if not rows:
        msg = f"{source} must have at least one row below its header, got none"
        raise RecipeError(msg)
    return lines, rows


def _number(text: str) -> float:
    # Python also takes 1_000 for a number, which no CSV means
    try:
        return math.nan if "_" in text else float(text)
    except ValueError:
        return math.nan
