"""What one command measured of a data set, kept in `quality/parts/` until the gate judges all of it.

A part names the digest of the manifest that it was measured of, so that one of another version is seen to be stale.
"""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from ..errors import FormatError
from ..store import safe_path, write_atomic
from ..store.files import read_whole
from ..store.parsing import as_list, as_mapping, as_str, canonical_json, parse_json, refuse_unknown
from .score_json import score_from_json, score_to_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .scores import Score

__all__ = ["PARTS", "Figures", "Part", "Tables", "check_plain", "part_path", "read_part", "write_beside", "write_part"]

PARTS: Final = ("samples", "set", "conditions", "audit")
"""The parts that a report is made of, in its order."""

Tables: TypeAlias = "Mapping[str, Mapping[str, Any]]"
"""Name → `{"columns": […], "rows": [[…], …]}`, with plain numbers, strings and None in the rows."""

Figures: TypeAlias = "Mapping[str, Mapping[str, Any]]"
"""Name → `{"kind": "histogram" | "calibration" | "curve" | "bars" | …}` and plain numbers: data to draw, no picture."""

_SCRATCH: Final = "quality/.scratch"
_MOST_BYTES: Final = 256 * 2**20
_MOST_SCORES: Final = 100_000
_DEEPEST: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one command measured.

    Attributes:
        name: one of `PARTS`.
        manifest_sha256: digest of the manifest of the data set that was measured.
        scores: in the order in which they are shown; each id once.
        tables, figures: for people to read.

    Raises:
        ValueError: a name that is no part, an id given twice, or a table or figure that JSON cannot hold.
    """

    name: str
    manifest_sha256: str
    scores: tuple[Score, ...]
    tables: Tables = field(default_factory=dict)
    figures: Figures = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.name not in PARTS:
            msg = f"a part must be one of {', '.join(PARTS)}, got {self.name!r}"
            raise ValueError(msg)
        ids = [score.id for score in self.scores]
        if twice := sorted({name for name in ids if ids.count(name) > 1}) if len(set(ids)) < len(ids) else []:
            msg = f"the part {self.name!r} has the score {twice[0]!r} twice; give each an id of its own"
            raise ValueError(msg)
        for name, table in self.tables.items():
            _check_table(table, f"{self.name}: table {name!r}")
        for name, figure in self.figures.items():
            _check_figure(figure, f"{self.name}: figure {name!r}")

    def to_json(self) -> dict[str, Any]:
        """The content of its file."""
        return {
            "part": self.name,
            "manifest_sha256": self.manifest_sha256,
            "scores": [score_to_json(score) for score in self.scores],
            "tables": dict(self.tables),
            "figures": dict(self.figures),
        }

    @classmethod
    def from_json(cls, value: Any, where: str) -> Part:
        """From JSON that is not trusted.

        Args:
            value: what was parsed.
            where: the file, for messages.

        Raises:
            FormatError: it is no part.
        """
        fields = as_mapping(value, where)
        refuse_unknown(fields, ("part", "manifest_sha256", "scores", "tables", "figures"), where)
        scores = as_list(fields["scores"], f"{where}: scores", most=_MOST_SCORES)
        try:
            return cls(
                name=as_str(fields["part"], f"{where}: part"),
                manifest_sha256=as_str(fields["manifest_sha256"], f"{where}: manifest_sha256"),
                scores=tuple(score_from_json(score, f"{where}: scores[{row}]") for row, score in enumerate(scores)),
                tables=as_mapping(fields["tables"], f"{where}: tables"),
                figures=as_mapping(fields["figures"], f"{where}: figures"),
            )
        except FormatError:
            raise
        except ValueError as error:
            msg = f"{where}: {error}"
            raise FormatError(msg) from error


def part_path(name: str) -> str:
    """File of a part, relative to the store."""
    return f"quality/parts/{name}.json"


def write_part(root: Path, part: Part) -> None:
    """Write a part into a store, over an older one.

    Raises:
        DiskFullError, OSError: as `write_atomic`.
    """
    write_beside(root, part_path(part.name), canonical_json(part.to_json()))


def read_part(root: Path, name: str) -> Part | None:
    """A part of a store; None if it was not measured. It may be stale: see its `manifest_sha256`.

    Raises:
        FormatError: the file is no such part.
        CorruptError: it is too large, or no plain file.
        UnsafePathError: it is a link that leads out of the store.
    """
    path = safe_path(root, part_path(name))
    if not path.exists():
        return None
    data = read_whole(path, part_path(name), most=_MOST_BYTES)
    part = Part.from_json(parse_json(data, str(path)), str(path))
    if part.name != name:
        msg = f"{path} holds the part {part.name!r}; delete it, and run the command that makes {name!r} again"
        raise FormatError(msg)
    return part


def write_beside(root: Path, relative: str, data: bytes) -> None:
    """Write a file of the folder `quality/`, whole or not at all, and leave no scratch folder.

    Args:
        root: folder of the store.
        relative: path in the store.
        data: all of its bytes.

    Raises:
        DiskFullError, OSError: as `write_atomic`.
    """
    scratch = root / _SCRATCH
    try:
        write_atomic(safe_path(root, relative), data, scratch=scratch)
    finally:
        # another command may be writing at the same time
        with suppress(OSError):
            scratch.rmdir()


def check_plain(value: Any, where: str, depth: int = 0) -> None:
    """See that a value is made of what JSON has: strings, finite numbers, None, lists and objects.

    Raises:
        ValueError: it is not, or it is nested too deeply; the message says where.
    """
    if value is None or isinstance(value, str | bool | int) or (type(value) is float and math.isfinite(value)):
        return
    if depth < _DEEPEST and isinstance(value, list | tuple):
        for item in value:
            check_plain(item, where, depth + 1)
    elif depth < _DEEPEST and isinstance(value, dict) and all(isinstance(key, str) for key in value):
        for key, item in value.items():
            check_plain(item, f"{where}.{key}", depth + 1)
    else:
        msg = f"{where} must hold plain strings, finite numbers, lists and objects, got {str(value)[:200]!r}"
        raise ValueError(msg)


def _check_table(table: Any, where: str) -> None:
    check_plain(table, where)
    if not isinstance(table, dict) or set(table) != {"columns", "rows"}:
        msg = f"{where} must be an object of columns and rows, got {str(table)[:200]!r}"
        raise ValueError(msg)
    columns, rows = table["columns"], table["rows"]
    plain = isinstance(columns, list | tuple) and all(isinstance(name, str) for name in columns)
    if not plain or not isinstance(rows, list | tuple) or any(not _is_row(row, len(columns)) for row in rows):
        msg = f"{where} must have names of columns, and rows with one plain value a column"
        raise ValueError(msg)


def _is_row(row: Any, width: int) -> bool:
    whole = isinstance(row, list | tuple) and len(row) == width
    return whole and not any(isinstance(value, list | tuple | dict) for value in row)


def _check_figure(figure: Any, where: str) -> None:
    check_plain(figure, where)
    if not isinstance(figure, dict) or not isinstance(figure.get("kind"), str):
        msg = f"{where} must be an object with a kind, such as 'histogram', got {str(figure)[:200]!r}"
        raise ValueError(msg)
