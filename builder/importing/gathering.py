"""What an import is made of, before a voxel is read: files, rows, and who belongs to whom."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from ...errors import FormatError
from ...store.nifti import find_scans, is_bids
from ...store.sheets import read_sheet
from .columns import conditions_of
from .joining import join

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ...store.nifti import FoundScan
    from ...store.sheets import Sheet
    from .columns import Column
    from .joining import Entry
    from .order import ImportOrder

__all__ = ["Gathered", "gather"]

_PARTICIPANTS: Final = "participants.tsv"
_PARTICIPANT: Final = "participant_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """Who is to be imported.

    Attributes:
        order: with the key that was found.
        sheet: the table, if there is one.
        entries: one a sample.
        columns: condition or measure → its values, one a row of the table.
        left_out: file or row → why it is not imported.
    """

    order: ImportOrder
    sheet: Sheet | None
    entries: tuple[Entry, ...]
    columns: Mapping[str, Column]
    left_out: Mapping[str, str]


def gather(root: Path, order: ImportOrder, table: Path | None, *, skip_unmatched: bool) -> Gathered:
    """Find files, read the table, and join them.

    Args:
        root: folder of the files.
        order: what is asked.
        table: of the rows; None for `participants.tsv` of a BIDS data set, or none.
        skip_unmatched: leave out what belongs to nothing, instead of refusing.

    Raises:
        StoreNotFoundError: there is no such folder or table.
        FormatError: no file is found, or files, rows and label maps do not belong together; the message names them.
    """
    images, labels = _files(root, order)
    if table is None and is_bids(root) and (root / _PARTICIPANTS).is_file():
        table = root / _PARTICIPANTS
    sheet = None if table is None else read_sheet(table)
    if sheet is not None and not order.key:
        order = replace(order, key=_key(sheet))
    joined = join(images, labels, sheet, order.key)
    left_out = {
        **joined.files,
        **{f"row {key}": "no file" for key in joined.rows},
        **dict.fromkeys(joined.labels, "no image of this label map"),
    }
    if left_out and not skip_unmatched:
        msg = (
            f"{len(left_out):,} files or rows belong to nothing:\n{_listed(left_out)}\n"
            "mend names, table or pattern, or leave them out: --skip-unmatched"
        )
        raise FormatError(msg)
    if not joined.entries:
        msg = f"no file of {root} belongs to a row of the table; the key is {order.key!r}:\n{_listed(left_out)}"
        raise FormatError(msg)
    _check_one_each(joined.entries, images)
    columns = {} if sheet is None else conditions_of(sheet, order)
    return Gathered(order=order, sheet=sheet, entries=joined.entries, columns=columns, left_out=left_out)


def _files(root: Path, order: ImportOrder) -> tuple[list[FoundScan], list[FoundScan] | None]:
    """Images, and label maps where they are asked for."""
    images = find_scans(root, pattern=order.files, suffix=order.suffix)
    if not order.labels:
        return images, None
    labels = find_scans(root, pattern=order.labels)
    paths = {scan.relative for scan in labels}
    images = [scan for scan in images if scan.relative not in paths]
    if not images:
        msg = f"every file that is an image by its name is a label map by {order.labels!r}; give a narrower pattern"
        raise FormatError(msg)
    return images, labels


def _key(sheet: Sheet) -> str:
    if _PARTICIPANT in sheet.columns:
        return _PARTICIPANT
    msg = (
        f"say which column of {sheet.source} names the files, by their paths below the folder, by their names without "
        f"ending, or by BIDS subjects: --key COLUMN; the columns are {', '.join(map(repr, sheet.columns))}"
    )
    raise FormatError(msg)


def _check_one_each(entries: tuple[Entry, ...], images: list[FoundScan]) -> None:
    """A person's T1w and FLAIR are no two samples of one kind."""
    suffixes = sorted({scan.suffix for scan in images if scan.suffix})
    whole = all(scan.suffix for scan in images)
    if whole and len(suffixes) > 1 and len(entries) > 1:
        msg = f"the files are of several kinds, {', '.join(suffixes)}; choose one, such as --suffix {suffixes[0]}"
        raise FormatError(msg)


def _listed(left_out: Mapping[str, str]) -> str:
    return "\n".join(f"  {what}: {why}" for what, why in left_out.items())
