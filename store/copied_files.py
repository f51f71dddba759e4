"""The files of a copy that hold no voxels: taken over, or written anew where slots and packing are said."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ..errors import CorruptError, FormatError
from .extents import extent_columns
from .files import FileRecord, check_record, write_atomic
from .layout import CARD_NAME, array_path, array_zarr_json_path, group_zarr_json_path
from .parsing import as_mapping, parse_json
from .rows import ARRAY_COLUMN, write_table
from .zarr_metadata import array_document, document_bytes, group_document

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .cohort import Cohort
    from .manifest import Manifest
    from .packing import CopyPlan
    from .sources import Source
    from .work_folder import WorkFolder

__all__ = ["copy_beside", "copy_card", "write_documents", "write_tables"]

_MOST_CARD_BYTES = 16 * 2**20


def copy_beside(cohort: Cohort, work: WorkFolder) -> dict[str, FileRecord]:
    """The recipe and whatever else is listed that is neither voxels nor table.

    Raises:
        CorruptError: one is missing or wrong in the source.
        DiskFullError: no room.
    """
    names = [path for path in cohort.manifest.files if path.partition("/")[0] not in {"volumes", "metadata"}]
    return {name: write_atomic(work.target / name, _read(cohort, name), scratch=work.scratch) for name in names}


def copy_card(source: Source, manifest: Manifest, work: WorkFolder, note: str) -> None:
    """The card, if the source has one, with a note of what was done; a card that is there already stays.

    Args:
        source: of the data set.
        manifest: of the copy; its splits are those that the card's `configs` name then.
        work: of the run.
        note: Markdown for the end of the card.
    """
    path = work.target / CARD_NAME
    try:
        card = source.read_all(CARD_NAME, most=_MOST_CARD_BYTES)
    except CorruptError:
        return
    if not path.exists():
        text = _of_splits(card.decode(errors="replace"), manifest)
        write_atomic(path, f"{text.rstrip()}\n{note}".encode(), scratch=work.scratch)


def _of_splits(card: str, manifest: Manifest) -> str:
    """The card without the splits that have no table, which `datasets` would refuse; as it is where all have one."""
    import yaml

    match = re.match(r"---\r?\n(.*?\n)---\r?\n", card, flags=re.DOTALL)
    try:
        header = yaml.safe_load(match[1]) if match else None
    except (yaml.YAMLError, RecursionError):
        return card
    if match is None or not isinstance(header, dict) or not isinstance(header.get("configs"), list):
        return card
    there = {split for split, record in manifest.splits.items() if record.samples}
    changed = False
    for config in header["configs"]:
        entries = config.get("data_files") if isinstance(config, dict) else None
        if isinstance(entries, list):
            kept = [entry for entry in entries if not isinstance(entry, dict) or entry.get("split") in there]
            changed |= len(kept) < len(entries)
            config["data_files"] = kept
    if not changed:
        return card
    return f"---\n{yaml.safe_dump(header, sort_keys=False, allow_unicode=True, width=120)}---\n{card[match.end() :]}"


def write_documents(cohort: Cohort, plan: CopyPlan, work: WorkFolder) -> dict[str, FileRecord]:
    """`zarr.json` of every group and array; what the source's say of their origin is kept.

    Raises:
        CorruptError: one of the source's is missing or wrong.
        FormatError: one of the source's is no metadata.
    """
    documents = {}
    for split, slots in plan.slots.items():
        holes = [slot for slot, row in enumerate(slots) if row is None]
        path = group_zarr_json_path(split)
        documents[path] = group_document(_attributes(cohort, path))
        for name, spec in plan.specs.items():
            path = array_zarr_json_path(split, name)
            documents[path] = array_document(spec, len(slots), holes, _attributes(cohort, path))
    return {
        path: write_atomic(work.target / path, document_bytes(document), scratch=work.scratch)
        for path, document in documents.items()
    }


def write_tables(
    cohort: Cohort, plan: CopyPlan, work: WorkFolder, records: Sequence[Mapping[str, Any]]
) -> dict[str, FileRecord]:
    """The rows with the slots of the copy and the extents that were found.

    Args:
        cohort: that is copied.
        plan: of the copy.
        work: of the run.
        records: of all shards, each with the `extents` of its samples in order.
    """
    files: dict[str, FileRecord] = {}
    for split, slots in plan.slots.items():
        rows = [row for row in slots if row is not None]
        found = {record["number"]: record["extents"] for record in records if record["split"] == split}
        extents = [sample for number in sorted(found) for sample in found[number]]
        table = _table(cohort.table.take(rows), plan, split, extents)
        groups = _groups(table, slots, plan.shard_samples)
        files |= write_table(work.target, split, groups, scratch=work.scratch, synthetic=cohort.manifest.synthetic)
    return files


def _table(rows: pa.Table, plan: CopyPlan, split: str, extents: Sequence[Mapping[str, Any]]) -> pa.Table:
    """The rows of one split of the copy."""
    places = [slot for slot, row in enumerate(plan.slots[split]) if row is not None]
    new: dict[str, pa.Array] = {}
    for name, spec in plan.specs.items():
        structs = [{"path": array_path(split, name), "index": slot} for slot in places]
        rows = rows.set_column(rows.column_names.index(name), name, pa.array(structs, ARRAY_COLUMN))
        for column, kind in extent_columns(name, spec.kind).items():
            new[column] = pa.array([sample[column] for sample in extents], kind)
    rows = rows.drop_columns([column for column in new if column in rows.column_names])
    place = max(rows.column_names.index(f"{name}_sha256") for name in plan.specs) + 1
    for number, (column, values) in enumerate(new.items()):
        rows = rows.add_column(place + number, column, values)
    return rows


def _groups(table: pa.Table, slots: Sequence[int | None], size: int) -> list[pa.Table]:
    """The rows of each shard."""
    groups, done = [], 0
    for start in range(0, len(slots), size):
        count = sum(row is not None for row in slots[start : start + size])
        groups.append(table.slice(done, count))
        done += count
    return groups


def _attributes(cohort: Cohort, path: str) -> dict[str, Any]:
    document = as_mapping(parse_json(_read(cohort, path), path), path)
    attributes = document.get("attributes")
    if not isinstance(attributes, dict):
        msg = f"{path} is not the metadata of a Zarr group or array; get the store again from its source"
        raise FormatError(msg)
    return attributes


def _read(cohort: Cohort, path: str) -> bytes:
    record = cohort.manifest.files[path]
    data = bytes(cohort.store.source.read_all(path, most=record.bytes))
    check_record(data, path, record)
    return data
