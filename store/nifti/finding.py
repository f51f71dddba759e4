"""Which NIfTI files a folder holds, in an order that is the same everywhere, and whom they show."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from ...errors import FormatError, StoreNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["FoundScan", "find_scans", "is_bids", "scan_name", "without_label_maps"]

_ENDINGS: Final = (".nii.gz", ".nii")
_ENTITY: Final = r"(?:^|_){}-([A-Za-z0-9]+)(?=_|$)"
_APART: Final = frozenset({"derivatives", "sourcedata", "code", "stimuli"})
"""Folders of a BIDS data set that hold no scans as they were taken."""
_OF_AN_IMAGE: Final = r"(.+)_(?:label|labels|seg|dseg|mask)"
"""How maps of an image are called beside it, by BIDS and by `voxpress export`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundScan:
    """One file.

    Attributes:
        relative: its path below the folder, with ``/``.
        name: without folder and ending.
        subject: BIDS label of its name, without ``sub-``; empty where it has none.
        session: the same of ``ses-``.
        suffix: what a BIDS name ends in, such as ``T1w``; empty where it is no BIDS name.
    """

    relative: str
    name: str
    subject: str = ""
    session: str = ""
    suffix: str = ""


def scan_name(path: str) -> str | None:
    """Name of a NIfTI file without folder and ending; None for any other file."""
    name = path.rpartition("/")[2]
    return next((name.removesuffix(ending) for ending in _ENDINGS if name.endswith(ending)), None)


def is_bids(root: Path) -> bool:
    """Whether a folder is a BIDS data set: it says so, or has a folder ``sub-…``."""
    if (root / "dataset_description.json").is_file():
        return True
    return any(re.fullmatch(r"sub-[A-Za-z0-9]+", folder.name) and folder.is_dir() for folder in root.iterdir())


def find_scans(root: Path, *, pattern: str = "", suffix: str = "", derivatives: bool = False) -> list[FoundScan]:
    """The NIfTI files of a folder, sorted by their paths.

    Hidden files are left out, and links to folders are not followed. Of a BIDS data set, what lies in `derivatives`,
    `sourcedata` and the like is left out, unless it is asked for.

    Args:
        root: the folder.
        pattern: only files whose path below it matches, such as ``*/anat/*_T1w.nii.gz``; ``**`` is any folders.
        suffix: only BIDS names that end so: ``T1w``, ``T2w``, ``FLAIR``, …
        derivatives: of a BIDS data set, take those of `derivatives` too.

    Raises:
        StoreNotFoundError: there is no such folder.
        FormatError: it holds no such file; the message says what there is instead.
    """
    if not root.is_dir():
        msg = f"there is no folder {root}; check the path"
        raise StoreNotFoundError(msg)
    bids = is_bids(root)
    every = [_found(relative) for relative in sorted(_files(root), key=lambda path: path.split("/"))]
    apart = {"derivatives"} if derivatives else set()
    kept = [
        scan
        for scan in every
        if (not bids or pattern or scan.relative.split("/")[0] not in _APART - apart)
        and (not suffix or scan.suffix == suffix)
        and (not pattern or _matches(scan.relative, pattern))
    ]
    if not kept:
        raise FormatError(_why_none(root, every, pattern, suffix))
    return kept


def without_label_maps(scans: Sequence[FoundScan]) -> list[FoundScan]:
    """Only the images: a file called ``7_label`` or ``sub-1_dseg`` maps ``7`` or ``sub-1_T1w`` beside it."""
    images = [scan for scan in scans if not re.fullmatch(_OF_AN_IMAGE, scan.name)]
    begun = {(_folder(scan), scan.name[:end]) for scan in images for end in _ends(scan.name)}

    def is_map(scan: FoundScan) -> bool:
        found = re.fullmatch(_OF_AN_IMAGE, scan.name)
        return found is not None and (_folder(scan), found[1]) in begun

    return [scan for scan in scans if not is_map(scan)]


def _folder(scan: FoundScan) -> str:
    return scan.relative.rpartition("/")[0]


def _ends(name: str) -> list[int]:
    """Where its parts end, as in ``sub-1`` and ``sub-1_T1w``."""
    return [*(place for place, letter in enumerate(name) if letter == "_"), len(name)]


def _files(root: Path) -> Iterator[str]:
    for folder, folders, names in os.walk(root):
        here = Path(folder)
        folders[:] = [name for name in folders if not name.startswith(".") and not (here / name).is_symlink()]
        for name in names:
            if not name.startswith(".") and scan_name(name) is not None:
                yield (here / name).relative_to(root).as_posix()


def _found(relative: str) -> FoundScan:
    name = scan_name(relative)
    assert name is not None
    subject, session = (re.search(_ENTITY.format(entity), name) for entity in ("sub", "ses"))
    suffix = name.rpartition("_")[2] if subject and "_" in name else ""
    return FoundScan(
        relative=relative,
        name=name,
        subject=subject[1] if subject else "",
        session=session[1] if session else "",
        suffix="" if "-" in suffix else suffix,
    )


def _matches(relative: str, pattern: str) -> bool:
    parts = [_part(part) for part in PurePosixPath(pattern).parts]
    return re.fullmatch("".join(parts).removesuffix("/"), relative, flags=re.DOTALL) is not None


def _part(part: str) -> str:
    """One part of a pattern as a regular expression; only Python 3.13 and later know ``**``."""
    if part == "**":
        return "(?:[^/]+/)*"
    wild = {"*": "[^/]*", "?": "[^/]"}
    return "".join(wild.get(character, re.escape(character)) for character in part) + "/"


def _why_none(root: Path, every: list[FoundScan], pattern: str, suffix: str) -> str:
    asked = " and ".join([f"matches {pattern!r}"] * bool(pattern) + [f"has the suffix {suffix!r}"] * bool(suffix))
    if not every:
        return f"{root} holds no .nii or .nii.gz file; give the folder that holds the scans"
    if not asked:
        return f"{root} holds NIfTI files only in derivatives or sourcedata; give one of these folders itself"
    suffixes = ", ".join(sorted({scan.suffix for scan in every if scan.suffix})[:9])
    known = f"; their suffixes are {suffixes}" if suffixes else ""
    return f"of the {len(every)} NIfTI files below {root} none {asked}; the first is {every[0].relative}{known}"
