"""A table that people keep beside their scans: CSV, TSV or Parquet, as texts.

A cell becomes a number only where a column is asked for as numbers, so that the file may hold whatever else its owner
keeps there.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..errors import FormatError, StoreNotFoundError

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

__all__ = ["SHEET_ENDINGS", "Sheet", "as_number", "read_sheet"]

SHEET_ENDINGS: Final = (".csv", ".tsv", ".parquet")
_MOST_BYTES: Final = 2**30
_MOST_ROWS: Final = 10_000_000
_MOST_COLUMNS: Final = 1000
_MISSING: Final = "n/a"
"""What BIDS writes into a cell that has no value."""
_PADDED: Final = r"[+-]?0[0-9].*"
"""What looks like a number with leading zeros is a name: 007 is not 7."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """The rows of a table.

    Attributes:
        source: the file, for messages.
        columns: column → one text a row, without the blanks around it; empty for a cell without a value.
        rows: how many.
        words: columns that hold texts, whatever these look like; known of Parquet alone.
    """

    source: str
    columns: Mapping[str, tuple[str, ...]]
    rows: int
    words: frozenset[str] = frozenset()

    def column(self, name: str) -> tuple[str, ...]:
        """One column.

        Raises:
            FormatError: there is none of this name.
        """
        if name not in self.columns:
            msg = f"{self.source} has no column {name!r}; it has {', '.join(map(repr, self.columns))}"
            raise FormatError(msg)
        return self.columns[name]

    def numbers(self, name: str) -> tuple[float | None, ...] | None:
        """One column as numbers, with None for a cell without a value; None if it holds words.

        A column is numbers where every cell is one; a column of texts of Parquet stays words.

        Raises:
            FormatError: there is none of this name.
        """
        texts = self.column(name)
        if name in self.words or any(re.fullmatch(_PADDED, text) for text in texts):
            return None
        numbers = tuple(None if text == "" else as_number(text) for text in texts)
        return None if any(number is not None and math.isnan(number) for number in numbers) else numbers


def as_number(text: str) -> float:
    """A finite number; NaN for any other text."""
    try:
        # Python also takes 1_000 for a number, which no table means
        value = math.nan if "_" in text else float(text)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def read_sheet(path: str | os.PathLike[str]) -> Sheet:
    """Read a table whole.

    UTF-8, with or without a byte order mark; a header in the first line; commas in ``.csv`` (as Excel writes them, in
    quotes where needed), tabs in ``.tsv``. Of Parquet, the columns of texts, numbers and truth values. An empty cell,
    and one that holds ``n/a``, has no value.

    Raises:
        StoreNotFoundError: there is no such file.
        FormatError: it is too large, of another kind, or not well formed; the message names the line.
    """
    place = Path(path)
    if not place.is_file():
        msg = f"there is no table {place}; check the path"
        raise StoreNotFoundError(msg)
    if not place.name.endswith(SHEET_ENDINGS):
        msg = f"the table {place} must end in one of {', '.join(SHEET_ENDINGS)}"
        raise FormatError(msg)
    if (size := place.stat().st_size) > _MOST_BYTES:
        msg = f"the table {place} has {size} bytes, the limit is {_MOST_BYTES}"
        raise FormatError(msg)
    if place.suffix == ".parquet":
        return _parquet(place)
    header, rows = _text(place)
    _check_header(header, place)
    columns = zip(*rows, strict=True) if rows else [()] * len(header)
    return Sheet(source=str(place), columns=dict(zip(header, map(tuple, columns), strict=True)), rows=len(rows))


def _text(path: Path) -> tuple[list[str], list[Sequence[str]]]:
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        msg = f"{path} must be UTF-8 text, got byte {data[error.start]:#04x} in line {line}; save it as UTF-8"
        raise FormatError(msg) from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter="\t" if path.suffix == ".tsv" else ",")
    try:
        header = [cell.strip() for cell in next(reader, [])]
        return header, _lines(reader, len(header), path)
    except csv.Error as error:
        msg = f"{path}: line {reader.line_num}: {error}; mend it"
        raise FormatError(msg) from None


def _lines(reader: Any, width: int, path: Path) -> list[Sequence[str]]:
    rows: list[Sequence[str]] = []
    for cells in reader:
        if not cells:
            continue  # an empty line, as many editors leave at the end
        if len(cells) != width:
            msg = f"{path}: line {reader.line_num} must have {width} cells, as the header has, got {len(cells)}"
            raise FormatError(msg)
        if len(rows) >= _MOST_ROWS:
            msg = f"{path} must have at most {_MOST_ROWS} rows"
            raise FormatError(msg)
        rows.append([_cell(cell) for cell in cells])
    return rows


def _cell(text: str) -> str:
    text = text.strip()
    return "" if text == _MISSING else text


def _parquet(path: Path) -> Sheet:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        if file.metadata.num_rows > _MOST_ROWS:
            msg = f"{path} must have at most {_MOST_ROWS} rows, got {file.metadata.num_rows}"
            raise FormatError(msg)
        names = [field.name for field in file.schema_arrow if not pa.types.is_nested(field.type)]
        table = file.read(columns=names)
    except (pa.ArrowException, OSError) as error:
        msg = f"{path} is no Parquet file that can be read ({str(error)[:200]}); get it again from its source"
        raise FormatError(msg) from error
    _check_header(table.column_names, path)
    columns = {name: tuple(map(_spelled, table[name].to_pylist())) for name in table.column_names}
    words = frozenset(field.name for field in table.schema if not _holds_numbers(field.type))
    return Sheet(source=str(path), columns=columns, rows=table.num_rows, words=words)


def _holds_numbers(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _spelled(value: Any) -> str:
    """A value as a text from which the same value is read."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return str(value)


def _check_header(header: Sequence[str], path: Path) -> None:
    if not 1 <= len(header) <= _MOST_COLUMNS or "" in header:
        msg = (
            f"{path} must begin with a header of 1 to {_MOST_COLUMNS} names, none of them empty, got {list(header)[:9]}"
        )
        raise FormatError(msg)
    if twice := [name for name, count in Counter(header).items() if count > 1]:
        msg = f"{path} has {len(twice)} names of columns more than once, such as {twice[0]!r}; rename them"
        raise FormatError(msg)
