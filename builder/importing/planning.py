"""What will be written, once every file was seen: arrays, splits, shards. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ...errors import FormatError
from ...store import ArraySpec
from ...store.arrays import DTYPES
from ...store.rows import MEASURED
from .grids import common_grid, parse_grid
from .shard_maker import ImportJob, ImportRow
from .splitting import splits_of
from .values import label_dtype, plan_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .columns import Column
    from .gathering import Gathered
    from .joining import Entry
    from .order import ImportOrder
    from .survey import Surveyed
    from .values import ImageValues

__all__ = ["ImportPlan", "contradictions", "plan_import"]

_FIRST: Final = ("train", "validation", "test")
_LONGEST_NAME: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportPlan:
    """An import before it is written.

    Attributes:
        specs: of the arrays.
        values: how the values of images become integers.
        jobs: the shards.
        kinds: condition → `number` or `category`.
        measured: names of the measures, without ``measured_``.
        digital_source_type: of synthetic samples; empty where nobody says it.
        resampled: whether a scan is on another grid than that of the data set.
    """

    specs: Mapping[str, ArraySpec]
    values: ImageValues
    jobs: tuple[ImportJob, ...]
    kinds: Mapping[str, str]
    measured: tuple[str, ...]
    digital_source_type: str
    resampled: bool


def contradictions(entry: Entry, seen: Mapping[str, Surveyed], order: ImportOrder) -> str:
    """Why a sample cannot be imported though its files can be read; empty if it can."""
    image = seen[entry.image]
    told = image.said.get("synthetic")
    if isinstance(told, bool) and told is not order.synthetic:
        marked, asked = ("synthetic", "real") if told else ("not synthetic", "synthetic")
        return f"{entry.image} is marked as {marked}, and is imported as {asked}; import it as what it is"
    if entry.label and not order.grid and not image.grid.is_that_of(seen[entry.label].grid):
        return f"{entry.label} is not on the grid of its image {entry.image}; bring it there, or ask for a grid of all"
    return ""


def plan_import(gathered: Gathered, entries: Sequence[Entry], seen: Mapping[str, Surveyed]) -> ImportPlan:
    """Decide on arrays, splits and shards.

    Args:
        gathered: what was asked and found.
        entries: samples that are imported.
        seen: path → what was seen of it, of all their files.

    Raises:
        RecipeError, FormatError: the scans have no common grid, or their values cannot be stored as asked.
    """
    order = gathered.order
    images = [seen[entry.image] for entry in entries]
    labels = [seen[entry.label] for entry in entries if entry.label]
    grid = parse_grid(order.grid) if order.grid else common_grid(images)
    values = plan_values(images, order)
    common: dict[str, Any] = {
        "shape": grid.shape,
        "shard_samples": order.shard_samples,
        "affine": tuple(tuple(row) for row in grid.affine.tolist()),
    }
    specs = {
        "image": ArraySpec(
            name="image",
            kind="image",
            dtype=values.dtype,
            scale=values.scale,
            offset=values.offset,
            unit=order.unit or _agreed(images, "unit"),
            **common,
        )
    }
    if labels:
        names = {**_names(labels), **order.label_names}
        specs["label"] = ArraySpec(
            name="label",
            kind="label",
            dtype=label_dtype(labels, list(names)),
            labels=_all_named(labels, names),
            **common,
        )
    assert all(spec.dtype in DTYPES for spec in specs.values())
    columns = _with_subjects(gathered, entries)
    return ImportPlan(
        specs=specs,
        values=values,
        jobs=tuple(_jobs(gathered, entries, columns, seen)),
        kinds={name: kind for name, (kind, _) in columns.items() if not name.startswith(MEASURED)},
        measured=tuple(name.removeprefix(MEASURED) for name in columns if name.startswith(MEASURED)),
        digital_source_type=order.digital_source_type or _agreed(images, "digital_source_type"),
        resampled=any(not grid.is_that_of(scan.grid) for scan in [*images, *labels]),
    )


def _with_subjects(gathered: Gathered, entries: Sequence[Entry]) -> dict[str, Column]:
    """Condition or measure → kind, and one value an entry; whom each shows too, where somebody is there twice."""
    columns: dict[str, Column] = {
        name: (kind, tuple(values[entry.row] if entry.row is not None else None for entry in entries))
        for name, (kind, values) in gathered.columns.items()
    }
    subjects = tuple(entry.subject for entry in entries)
    if "subject" not in columns and len(set(subjects)) < len(subjects):
        columns = {"subject": ("category", subjects), **columns}
    return columns


def _jobs(
    gathered: Gathered, entries: Sequence[Entry], columns: Mapping[str, Column], seen: Mapping[str, Surveyed]
) -> list[ImportJob]:
    splits, size = splits_of(entries, gathered.order.split, gathered.sheet), gathered.order.shard_samples
    jobs = []
    for split in sorted(set(splits), key=lambda name: (_FIRST.index(name) if name in _FIRST else len(_FIRST), name)):
        members = [number for number, name in enumerate(splits) if name == split]
        rows = [
            ImportRow(
                sample_id=entries[number].sample_id,
                index=number,
                slot=slot,
                values={name: values[number] for name, (_, values) in columns.items()},
                image=entries[number].image,
                label=entries[number].label,
                states=(
                    seen[entries[number].image].state,
                    seen[entries[number].label].state if entries[number].label else "",
                ),
            )
            for slot, number in enumerate(members)
        ]
        jobs += [
            ImportJob(split=split, number=start // size, rows=tuple(rows[start : start + size]))
            for start in range(0, len(rows), size)
        ]
    return jobs


def _agreed(scans: Sequence[Surveyed], name: str) -> str:
    """What all files say of themselves; empty where they say different things, or nothing."""
    told = {str(scan.said.get(name, ""))[:_LONGEST_NAME] for scan in scans}
    return told.pop() if len(told) == 1 else ""


def _names(labels: Sequence[Surveyed]) -> dict[int, str]:
    """Names of label values that voxpress wrote into the files, if all files have the same."""
    told = [scan.said.get("labels") for scan in labels]
    if not isinstance(told[0], dict) or any(names != told[0] for names in told):
        return {}
    try:
        return {int(value): str(name)[:_LONGEST_NAME] for value, name in told[0].items()}
    except ValueError:
        return {}


def _all_named(labels: Sequence[Surveyed], names: Mapping[int, str]) -> dict[int, str]:
    values = sorted({0, *names, *(value for scan in labels for value in scan.values)})
    if len(values) > 65_536:
        msg = f"the label maps hold {len(values):,} different values, and 65,536 are the most"
        raise FormatError(msg)
    return {value: names.get(value, f"label {value}" if value else "background") for value in values}
