"""The judged report, read from `quality/report.json`, which is not trusted: from JSON to typed values."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from ...errors import FormatError
from ...quality.scores import Verdict
from ...store.parsing import as_list, as_mapping, as_str

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Cell", "Entry", "Judged", "Section", "Table", "judged_from_json"]

Cell: TypeAlias = str | float | int | bool | None

_MOST_SECTIONS: Final = 100
_MOST_ENTRIES: Final = 100_000
_MOST_CELLS: Final = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One check and what the gate says of it.

    Attributes:
        id: of its score, dotted.
        verdict: of the gate; None for a figure that is told and not judged.
        value, interval, floor, floor_interval, n, feature_id, unit, reason: as in `quality.scores.Score`.
        rule: id of the rule that judged it.
        asks: the question of that rule.
        because: why the verdict is what it is, in a sentence.
    """

    id: str
    verdict: Verdict | None
    value: float | None = None
    interval: tuple[float, float] | None = None
    floor: float | None = None
    floor_interval: tuple[float, float] | None = None
    n: Mapping[str, int] = field(default_factory=dict)
    feature_id: str = ""
    unit: str = ""
    reason: str = ""
    rule: str = ""
    asks: str = ""
    because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows under named columns."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """The checks of one kind.

    Attributes:
        id: of its part, such as `audit`.
        title: for people.
        verdict: of all its entries.
        entries: in the order in which they are shown.
        tables, figures: for people; a figure is data to draw.
    """

    id: str
    title: str
    verdict: Verdict
    entries: tuple[Entry, ...]
    tables: Mapping[str, Table]
    figures: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A report.

    Attributes:
        name, version: of the data set.
        manifest_sha256: identity of the data set that was judged.
        digest: of the report itself.
        profile: the thresholds, by name.
        about: what that profile is for.
        verdict: of the data set.
        summary: the verdict in a sentence.
        sections: in the order in which they are shown.
        facts: versions and the like, for the engineer.
    """

    name: str
    version: str
    manifest_sha256: str
    digest: str
    profile: str
    about: str
    verdict: Verdict
    summary: str
    sections: tuple[Section, ...]
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Those of all sections."""
        return tuple(entry for section in self.sections for entry in section.entries)


def judged_from_json(value: Any, where: str) -> Judged:
    """A report from JSON, as `quality.gate.Report` writes it.

    Args:
        value: what was parsed.
        where: the file, for messages.

    Raises:
        FormatError: it is no report; the message names the field.
    """
    fields = as_mapping(value, where)
    dataset = as_mapping(_field(fields, "dataset", where), f"{where}: dataset")
    profile = as_mapping(_field(fields, "profile", where), f"{where}: profile")
    sections = as_list(_field(fields, "sections", where), f"{where}: sections", most=_MOST_SECTIONS)
    packages = as_mapping(fields.get("packages", {}), f"{where}: packages")
    return Judged(
        name=as_str(dataset.get("name", ""), f"{where}: dataset.name"),
        version=as_str(dataset.get("version", ""), f"{where}: dataset.version"),
        manifest_sha256=as_str(_field(dataset, "manifest_sha256", where), f"{where}: dataset.manifest_sha256"),
        digest=as_str(fields.get("digest", ""), f"{where}: digest"),
        profile=as_str(_field(profile, "name", where), f"{where}: profile.name"),
        about=as_str(profile.get("about", ""), f"{where}: profile.about"),
        verdict=_verdict(fields, where) or Verdict.NOT_RUN,
        summary=as_str(fields.get("summary", ""), f"{where}: summary"),
        sections=tuple(_section(each, f"{where}: sections[{place}]") for place, each in enumerate(sections)),
        facts={
            "made with voxpress": str(fields.get("voxpress", "")),
            "packages": ", ".join(f"{name} {version}" for name, version in packages.items()),
        },
    )


def _section(value: Any, where: str) -> Section:
    fields = as_mapping(value, where)
    name = as_str(_field(fields, "name", where), f"{where}: name")
    entries = as_list(_field(fields, "entries", where), f"{where}: entries", most=_MOST_ENTRIES)
    tables = as_mapping(fields.get("tables", {}), f"{where}: tables")
    figures = as_mapping(fields.get("figures", {}), f"{where}: figures")
    return Section(
        id=name,
        title=as_str(fields.get("title", ""), f"{where}: title"),
        verdict=_verdict(fields, where) or Verdict.NOT_RUN,
        entries=tuple(_entry(each, f"{where}: entries[{place}]") for place, each in enumerate(entries)),
        tables={title: _table(each, f"{where}: tables.{title}") for title, each in tables.items()},
        figures={title: as_mapping(each, f"{where}: figures.{title}") for title, each in figures.items()},
    )


def _entry(value: Any, where: str) -> Entry:
    fields = as_mapping(value, where)
    counts = as_mapping(fields.get("n", {}), f"{where}: n")
    words = {name: as_str(fields.get(name) or "", f"{where}: {name}") for name in _WORDS}
    return Entry(
        id=as_str(_field(fields, "id", where), f"{where}: id"),
        verdict=_verdict(fields, where),
        value=_number(fields.get("value"), f"{where}: value"),
        interval=_interval(fields.get("interval"), f"{where}: interval"),
        floor=_number(fields.get("floor"), f"{where}: floor"),
        floor_interval=_interval(fields.get("floor_interval"), f"{where}: floor_interval"),
        n={name: int(_number(each, f"{where}: n.{name}") or 0) for name, each in counts.items()},
        **words,
    )


_WORDS: Final = ("feature_id", "unit", "reason", "rule", "asks", "because")


def _table(value: Any, where: str) -> Table:
    fields = as_mapping(value, where)
    columns = as_list(_field(fields, "columns", where), f"{where}: columns", most=_MOST_SECTIONS)
    rows = as_list(_field(fields, "rows", where), f"{where}: rows", most=_MOST_CELLS)
    if any(not isinstance(row, list) or len(row) != len(columns) for row in rows):
        msg = f"{where}: every row must have {len(columns)} cells; make the report again with `voxpress gate`"
        raise FormatError(msg)
    return Table(columns=tuple(map(str, columns)), rows=tuple(tuple(map(_cell, row)) for row in rows))


def _cell(value: Any) -> Cell:
    return value if value is None or isinstance(value, str | float | int | bool) else str(value)


def _field(fields: Mapping[str, Any], name: str, where: str) -> Any:
    if name not in fields:
        msg = f"{where} has no {name!r}, so it is no report of voxpress; make it again with `voxpress gate`"
        raise FormatError(msg)
    return fields[name]


def _verdict(fields: Mapping[str, Any], where: str) -> Verdict | None:
    found = _field(fields, "verdict", where)
    if found is None:
        return None
    if found not in set(Verdict):
        msg = f"{where}: verdict must be one of {', '.join(Verdict)}, got {str(found)[:100]!r}"
        raise FormatError(msg)
    return Verdict(found)


def _interval(value: Any, where: str) -> tuple[float, float] | None:
    if value is None:
        return None
    low, high = (_number(end, where) for end in _pair(value, where))
    return None if low is None or high is None else (low, high)


def _pair(value: Any, where: str) -> Iterator[Any]:
    ends = as_list(value, where, most=2)
    if len(ends) != 2:
        msg = f"{where} must be two numbers, got {str(value)[:100]}"
        raise FormatError(msg)
    return iter(ends)


def _number(value: Any, where: str) -> float | None:
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)):
        return value
    msg = f"{where} must be a finite number or null, got {str(value)[:100]!r}"
    raise FormatError(msg)
