"""Gathers what the machine's part of a card tells: from the table, the recipe and the folder `quality/` of a store."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ...errors import VoxpressError
from ...generation.recipe import load_recipe
from ...generation.registry import load_backend
from ...quality.gate import check_report
from ...quality.reject_table import tabulated
from ...quality.rejects import REJECTS_NAME, attempts_of
from ...store import group_zarr_json_path, safe_path
from ...store.files import read_whole
from ...store.layout import CARD_PICTURES
from ...store.parsing import parse_json
from ...store.rows import MEASURED
from ..report.writing import judged_of
from .facts import CardFacts, Counts, Refused, Spread

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa
    from numpy.typing import NDArray

    from ...generation.backend import Backend
    from ...quality.reject_table import RejectCell
    from ...store.cohort import Cohort

__all__ = ["FIGURES", "PREVIEW", "gather"]

PREVIEW, FIGURES = CARD_PICTURES

_RECIPE: Final = "recipe.yaml"
_CHANGELOG: Final = "CHANGELOG.md"
_IPTC: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_MOST_JSON_BYTES: Final = 2**20
_DECADE: Final = 10
_MOST_CATEGORIES: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    """A condition of the table: what was ordered, and what was measured where it is."""

    name: str
    unit: str
    ordered: NDArray[Any]
    measured: NDArray[np.float64] | None


def gather(cohort: Cohort, *, repository: str = "") -> CardFacts:
    """All that the card says of a data set beside its manifest.

    Args:
        cohort: all of the data set, on this machine.
        repository: `org/name` on the Hub, if it is known.

    Raises:
        FormatError: the quality report is not one.
        CorruptError: the table is damaged.
    """
    backend = _backend(cohort)
    columns = list(_columns(cohort, backend))
    standing = check_report(cohort.path, cohort.manifest)
    attempts = cohort.columns(["attempt"])["attempt"].to_numpy()
    return CardFacts(
        backend="" if backend is None else backend.name,
        conditions=() if backend is None else tuple(backend.conditions),
        measures=() if backend is None else tuple(backend.measures),
        spreads=tuple(_spread(each) for each in columns if each.ordered.dtype.kind == "f" and len(each.ordered)),
        counts=tuple(_counts(each) for each in columns if each.ordered.dtype.kind != "f"),
        people=_people({each.name: each.ordered for each in columns}),
        retried=int(np.count_nonzero(attempts)),
        refused=_refused(cohort),
        judged=judged_of(standing),
        unjudged="" if standing.report is not None else standing.sentence,
        pictures=tuple(path for path in CARD_PICTURES if safe_path(cohort.path, path).is_file()),
        changes=_changes(cohort),
        repository=repository,
        source_type=_source_type(cohort),
    )


def _backend(cohort: Cohort) -> Backend | None:
    """What made the data, for its words; None where it is not installed, or nothing made them."""
    path = safe_path(cohort.path, _RECIPE)
    with suppress(VoxpressError, OSError):
        recipe = load_recipe(path)
        return load_backend(recipe.backend.name, recipe.backend.options, recipe.grid)
    return None


def _source_type(cohort: Cohort) -> str:
    """What the first group of volumes says of itself; it is only shown if it is an address of IPTC's."""
    relative = group_zarr_json_path(cohort.manifest.split_names[0])
    path = safe_path(cohort.path, relative)
    if not path.is_file():
        return ""
    document = parse_json(read_whole(path, relative, most=_MOST_JSON_BYTES), relative)
    attributes = document.get("attributes", {}) if isinstance(document, dict) else {}
    told = attributes.get("digital_source_type", "") if isinstance(attributes, dict) else ""
    return told if isinstance(told, str) and told.startswith(_IPTC) else ""


def _columns(cohort: Cohort, backend: Backend | None) -> Iterator[_Column]:
    units = {} if backend is None else {each.name: each.unit for each in backend.conditions}
    names = [*cohort.conditions, *(name for name in cohort.measures if name[len(MEASURED) :] in cohort.conditions)]
    table = cohort.columns(names)
    for name in cohort.conditions:
        ordered = _values(table[name])
        measured = f"{MEASURED}{name}"
        shown = _values(table[measured]) if measured in names else None
        fits = shown is not None and shown.dtype.kind == "f" and ordered.dtype.kind == "f"
        yield _Column(name=name, unit=units.get(name, ""), ordered=ordered, measured=shown if fits else None)


def _values(column: pa.ChunkedArray) -> NDArray[Any]:
    import pyarrow as pa

    if pa.types.is_floating(column.type) or pa.types.is_integer(column.type):
        return np.asarray(column.to_numpy(), dtype=np.float64)
    return np.asarray(["not known" if value is None else str(value) for value in column.to_pylist()], dtype=object)


def _spread(column: _Column) -> Spread:
    ordered = _ends(column.ordered)
    if column.measured is None or not np.isfinite(column.measured).any():
        return Spread(name=column.name, unit=column.unit, ordered=ordered)
    errors = column.measured - column.ordered
    errors = errors[np.isfinite(errors)]
    return Spread(
        name=column.name,
        unit=column.unit,
        ordered=ordered,
        measured=_ends(column.measured),
        mae=float(np.abs(errors).mean()) if errors.size else None,
        bias=float(errors.mean()) if errors.size else None,
    )


def _ends(values: NDArray[np.float64]) -> tuple[float, float, float]:
    known = values[np.isfinite(values)]
    if not known.size:
        return 0.0, 0.0, 0.0
    return float(known.min()), float(known.mean()), float(known.max())


def _counts(column: _Column) -> Counts:
    counts = Counter(column.ordered.tolist())
    return Counts(name=column.name, counts=dict(sorted(counts.items(), key=lambda each: (-each[1], each[0]))))


def _people(columns: dict[str, NDArray[Any]]) -> tuple[tuple[str, ...], ...]:
    """Samples by sex and decade of age: a table with its header first."""
    ages, sexes = columns.get("age"), columns.get("sex")
    if ages is None or sexes is None or ages.dtype.kind != "f" or sexes.dtype.kind == "f":
        return ()
    names = sorted(set(sexes.tolist()))
    decades = np.where(np.isfinite(ages), ages // _DECADE, -1).astype(int)
    if len(names) > _MOST_CATEGORIES:
        return ()
    rows = [("age", *names)]
    for decade in sorted(set(decades.tolist())):
        first = decade * _DECADE
        title = "not known" if decade < 0 else f"{first} to {first + _DECADE - 1}"
        rows.append((title, *(str(int(((decades == decade) & (sexes == name)).sum())) for name in names)))
    return tuple(rows)


def _refused(cohort: Cohort) -> Refused | None:
    """Refused attempts by reason and by the categories that were ordered; None where they were not recorded."""
    if not safe_path(cohort.path, REJECTS_NAME).is_file():
        return None
    found = attempts_of(cohort)
    names = [name for name in cohort.conditions if _values(cohort.columns([name])[name]).dtype.kind != "f"]
    samples = cohort.columns(["sample_id", *names])
    total = tabulated(samples, found)
    return Refused(
        reasons={code: total.total.reasons[code] for code in total.codes},
        groups={
            f"{name} {cell.group[name]}": (cell.refused, cell.samples)
            for name in names
            for cell in _few(tabulated(samples, found, by=[name]).cells)
        },
    )


def _few(cells: tuple[RejectCell, ...]) -> tuple[RejectCell, ...]:
    return cells if len(cells) <= _MOST_CATEGORIES else ()


def _changes(cohort: Cohort) -> str:
    """The points of the newest entry of the changelog, if it is of this version."""
    path = safe_path(cohort.path, _CHANGELOG)
    if not path.is_file():
        return ""
    _, _, entry = f"\n{path.read_text(encoding='utf-8', errors='replace')}".partition("\n## ")
    title, _, rest = entry.partition("\n")
    if title.strip() != cohort.manifest.version:
        return ""
    lines = rest.partition("\n## ")[0].splitlines()
    return "\n".join(line for line in lines if line.startswith("- "))
