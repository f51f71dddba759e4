"""Whether a data set has a report that still is about it, and what that says: what publishing asks."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from ...errors import CorruptError, FormatError
from ...store import safe_path
from ...store.files import read_whole
from ..parts import PARTS, part_path
from ..scores import Verdict
from .report import REPORT_NAME, Report

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ...store import Manifest

__all__ = ["MOST_REPORT_BYTES", "Standing", "State", "check_report", "part_digests", "standing_of"]

MOST_REPORT_BYTES: Final = 256 * 2**20

_AGAIN: Final = "run `voxpress gate`"


class State(StrEnum):
    """Of a report."""

    SOUND = "sound"
    """It is about this data set, and as it was written."""
    MISSING = "missing"
    STALE = "stale"
    """It is about another version, or older than a measurement."""
    EDITED = "edited"
    """It is no report, or not as it was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a data set stands.

    Attributes:
        state: of its report.
        verdict: PASS, WARN, FAIL, NOT_RUN (nothing was judged, or there is no report), or INVALID (a report that does
            not hold).
        sentence: what is the matter, and what to do.
        profile: name of the profile; empty where there is no report to trust.
        report: where it is sound.
    """

    state: State
    verdict: Verdict
    sentence: str
    profile: str = ""
    report: Report | None = None

    @property
    def may_be_published(self) -> bool:
        """Whether publishing needs no override."""
        return self.verdict in {Verdict.PASS, Verdict.WARN}


def check_report(root: Path, manifest: Manifest) -> Standing:
    """How a data set on this machine stands.

    Args:
        root: its folder.
        manifest: of it.

    Raises:
        UnsafePathError: the report is a link that leads out of the data set.
    """
    path = safe_path(root, REPORT_NAME)
    if not path.exists():
        return standing_of(None, manifest)
    try:
        data = read_whole(path, REPORT_NAME, most=MOST_REPORT_BYTES)
    except CorruptError as error:
        return _edited(str(error))
    return standing_of(data, manifest, parts=part_digests(root))


def standing_of(data: bytes | None, manifest: Manifest, *, parts: Mapping[str, str] | None = None) -> Standing:
    """How a data set stands by the bytes of its report. Pure.

    Args:
        data: content of `quality/report.json`; None where there is none.
        manifest: of the data set.
        parts: name of a part → sha256 of its file, of those that are there.
    """
    if data is None:
        return Standing(
            state=State.MISSING,
            verdict=Verdict.NOT_RUN,
            sentence=f"there is no quality report; {_AGAIN} to judge what was measured",
        )
    try:
        report = Report.from_bytes(data, REPORT_NAME)
        unaltered = report.is_unaltered and report.to_bytes() == data
    except (FormatError, ValueError) as error:
        return _edited(str(error))
    if not unaltered:
        return _edited("its digest is not that of its content")
    if report.manifest_sha256 != manifest.digest:
        about = f"{report.document['dataset'].get('name', '')} {report.document['dataset'].get('version', '')}".strip()
        return _stale(
            f"the quality report is about other data ({about}, manifest {report.manifest_sha256[:12]}, not "
            f"{manifest.digest[:12]}); measure and judge this version: run `voxpress qa`, then `voxpress gate`"
        )
    judged = report.document["parts"]
    if newer := [name for name, digest in (parts or {}).items() if judged.get(name) != digest]:
        return _stale(f"what was measured is newer than the quality report: {', '.join(newer)}; {_AGAIN}")
    return Standing(
        state=State.SOUND,
        verdict=report.verdict,
        sentence=_sentence(report),
        profile=report.profile,
        report=report,
    )


def part_digests(root: Path) -> dict[str, str]:
    """Name of each part that is there → sha256 of its file."""
    found = {}
    for name in PARTS:
        path = safe_path(root, part_path(name))
        if path.is_file():
            found[name] = hashlib.sha256(read_whole(path, part_path(name), most=MOST_REPORT_BYTES)).hexdigest()
    return found


def _sentence(report: Report) -> str:
    advice = {
        Verdict.FAIL: " See quality/report.html for each; make what failed anew, or measure it again.",
        Verdict.INVALID: " A measurement that does not hold must be made again before anything is said of the data.",
        Verdict.NOT_RUN: " Nothing was measured that the profile judges; run `voxpress qa` first.",
    }
    return report.summary + advice.get(report.verdict, "")


def _stale(sentence: str) -> Standing:
    return Standing(state=State.STALE, verdict=Verdict.INVALID, sentence=sentence)


def _edited(why: str) -> Standing:
    return Standing(
        state=State.EDITED,
        verdict=Verdict.INVALID,
        sentence=f"the quality report was edited or damaged ({why}); delete {REPORT_NAME} and {_AGAIN}",
    )
