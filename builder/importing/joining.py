"""Which rows of a table, images and label maps belong together. Pure: names in, entries out."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ...errors import FormatError
from ...store.nifti import scan_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ...store.nifti import FoundScan
    from ...store.sheets import Sheet

__all__ = ["Entry", "Joined", "join", "label_of_each"]

_SESSIONS: Final = ("session_id", "session")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One image with what belongs to it.

    Attributes:
        sample_id, subject: of it; the subject is the id where none is known.
        image: path of the file below the folder.
        label: the same of its label map; empty for none.
        row: of the table; None where there is none.
    """

    sample_id: str
    subject: str
    image: str
    label: str
    row: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """All entries, in the order of the table, or else of the paths.

    Attributes:
        entries: what belongs together.
        files: images without a row or without a label map, each with the reason.
        rows: keys of the rows without a file.
        labels: label maps without an image.
    """

    entries: tuple[Entry, ...]
    files: Mapping[str, str]
    rows: tuple[str, ...]
    labels: tuple[str, ...]


def join(images: Sequence[FoundScan], labels: Sequence[FoundScan] | None, sheet: Sheet | None, key: str) -> Joined:
    """Join images with label maps and with the rows of a table.

    Args:
        images: the files.
        labels: the label maps; None where there are none.
        sheet: the table; None where there is none.
        key: its column that says which image a row is of: a path below the folder (all end in ``.nii`` or ``.nii.gz``),
            the name of a file without its ending, or else a BIDS subject, with or without ``sub-``. Rows of subjects
            are told apart by a column `session_id` or `session`, where there is one.

    Raises:
        FormatError: the column is not there, a key is there twice, or names of files are not unique.
    """
    label_of, spare = label_of_each(images, labels) if labels is not None else ({}, ())
    row_of, lonely = _row_of_each(images, sheet, key) if sheet is not None else ({}, ())
    left_out = {
        scan.relative: "no row of the table" for scan in images if sheet is not None and scan.relative not in row_of
    }
    left_out |= {
        scan.relative: "no label map" for scan in images if labels is not None and scan.relative not in label_of
    }
    kept = [scan for scan in images if scan.relative not in left_out]
    kept.sort(key=lambda scan: (row_of.get(scan.relative, 0), scan.relative.split("/")))
    ids = _ids(kept, [row_of.get(scan.relative) for scan in kept], sheet)
    subjects = _subjects(kept, [row_of.get(scan.relative) for scan in kept], sheet, ids)
    entries = tuple(
        Entry(
            sample_id=sample_id,
            subject=subject,
            image=scan.relative,
            label=label_of.get(scan.relative, ""),
            row=row_of.get(scan.relative),
        )
        for scan, sample_id, subject in zip(kept, ids, subjects, strict=True)
    )
    return Joined(entries=entries, files=left_out, rows=lonely, labels=spare)


def label_of_each(images: Sequence[FoundScan], labels: Sequence[FoundScan]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Image → its label map, and the label maps that belong to no image.

    A label map belongs to the image of its BIDS subject and session; where that is not one, to the image whose name
    its own begins with: ``brain7_seg`` to ``brain7``, in whatever folders they are.

    Raises:
        FormatError: one image has two.
    """
    by_person, by_name = defaultdict(list), defaultdict(list)
    for scan in images:
        by_name[scan.name].append(scan.relative)
        if scan.subject:
            by_person[scan.subject, scan.session].append(scan.relative)
    found: dict[str, str] = {}
    spare = []
    for label in labels:
        owners = by_person.get((label.subject, label.session), []) if label.subject else []
        if len(owners) != 1:
            owners = next((by_name[name] for name in _beginnings(label.name) if name in by_name), [])
        if len(owners) != 1:
            spare.append(label.relative)
        elif owners[0] in found:
            msg = (
                f"{owners[0]} has two label maps, {found[owners[0]]} and {label.relative}; choose by a narrower pattern"
            )
            raise FormatError(msg)
        else:
            found[owners[0]] = label.relative
    return found, tuple(spare)


def _beginnings(name: str) -> Iterable[str]:
    """A name, and what is left of it without its last part, and so on."""
    yield name
    while "_" in name:
        name = name.rpartition("_")[0]
        yield name


def _row_of_each(images: Sequence[FoundScan], sheet: Sheet, key: str) -> tuple[dict[str, int], tuple[str, ...]]:
    """Image → row, and the keys of the rows that have none."""
    values = sheet.column(key)
    if "" in values:
        msg = f"{sheet.source} has no {key!r} in row {values.index('') + 1} below its header; complete or remove it"
        raise FormatError(msg)
    form = _form(values, images)
    session = next((name for name in _SESSIONS if name in sheet.columns), "") if form == "subject" else ""
    sessions = sheet.columns[session] if session else ("",) * len(values)
    rows: dict[tuple[str, str], int] = {}
    for row, (value, visit) in enumerate(zip(values, sessions, strict=True)):
        told = (value.removeprefix("sub-"), visit.removeprefix("ses-")) if form == "subject" else (value, "")
        if told in rows:
            both = f"{value} {visit}".strip()
            msg = f"{sheet.source} has {both!r} in two rows, {rows[told] + 1} and {row + 1}; each file has one at most"
            raise FormatError(msg)
        rows[told] = row
    keys = {scan.relative: _key(scan, form, session) for scan in images}
    if form == "name" and (twice := [name for (name, _), count in Counter(keys.values()).items() if count > 1]):
        msg = f"several files are called {twice[0]!r}; give their paths below the folder in the column {key!r}"
        raise FormatError(msg)
    found = {image: rows[told] for image, told in keys.items() if told in rows}
    used = set(found.values())
    lonely = [f"{value} {visit}".strip() for value, visit in zip(values, sessions, strict=True)]
    return found, tuple(text for row, text in enumerate(lonely) if row not in used)


def _form(values: Sequence[str], images: Sequence[FoundScan]) -> str:
    """What a column names files by: one rule for all of its rows."""
    if all(scan_name(value) is not None for value in values):
        return "path"
    names = {scan.name for scan in images}
    return "name" if any(value in names for value in values) or not any(scan.subject for scan in images) else "subject"


def _key(scan: FoundScan, form: str, session: str) -> tuple[str, str]:
    if form == "path":
        return scan.relative, ""
    return (scan.name, "") if form == "name" else (scan.subject, scan.session if session else "")


def _ids(scans: Sequence[FoundScan], rows: Sequence[int | None], sheet: Sheet | None) -> list[str]:
    """An id of its own for each: of the table, or else the shortest that tells all apart."""
    if sheet is not None and "sample_id" in sheet.columns and len(set(rows)) == len(rows):
        told = [sheet.columns["sample_id"][row] for row in rows if row is not None]
        if "" in told or len(set(told)) < len(told):
            msg = f"{sheet.source} has a sample_id twice, or none in a row; mend the column, or rename it"
            raise FormatError(msg)
        return told
    people = [f"sub-{scan.subject}" + (f"_ses-{scan.session}" if scan.session else "") for scan in scans]
    names = [scan.name for scan in scans]
    if all(scan.subject for scan in scans) and len(set(people)) == len(people):
        return people
    return names if len(set(names)) == len(names) else [re.sub(r"\.nii(\.gz)?$", "", scan.relative) for scan in scans]


def _subjects(
    scans: Sequence[FoundScan], rows: Sequence[int | None], sheet: Sheet | None, ids: Sequence[str]
) -> list[str]:
    told = sheet.columns.get("subject") if sheet is not None else None
    return [
        (told[row] if told is not None and row is not None else "") or (f"sub-{scan.subject}" if scan.subject else one)
        for scan, row, one in zip(scans, rows, ids, strict=True)
    ]
