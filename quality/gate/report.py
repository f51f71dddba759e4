"""The quality report of a data set, `quality/report.json`: what was measured, by which rules it was judged, and how.

It names the manifest that it is about, echoes every threshold, and ends in a digest over itself: a report of another
version, or one that somebody edited, is seen to be so. The same measurements give the same bytes; no time is in it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Final

from ...errors import FormatError
from ...store.parsing import as_int, as_list, as_mapping, as_str, canonical_json, parse_json
from ..parts import check_plain
from ..scores import Verdict
from .judging import worst
from .profile import SECTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...store import Manifest
    from ..parts import Part
    from .judging import Judged

__all__ = ["HTML_NAME", "REPORT_NAME", "REPORT_VERSION", "Report", "report_of"]

REPORT_NAME: Final = "quality/report.json"
HTML_NAME: Final = "quality/report.html"
REPORT_VERSION: Final = 1

_FIELDS: Final = (
    "dataset",
    "digest",
    "features",
    "packages",
    "parts",
    "profile",
    "rejects",
    "report_version",
    "sections",
    "summary",
    "verdict",
    "voxpress",
)
_PACKAGES: Final = ("numpy", "scipy", "scikit-learn", "pyarrow", "torch")
_TITLES: Final = {
    "samples": "Sample by sample",
    "set": "The set beside a set of real ones",
    "conditions": "What was ordered, and what is there",
    "audit": "Copies of patients",
    "release": "Ready for others",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A report. Its content is JSON, as `report.schema.json` has it.

    Attributes:
        document: all of it.
    """

    document: Mapping[str, Any]

    @property
    def verdict(self) -> Verdict:
        """On the whole data set."""
        return Verdict(self.document["verdict"])

    @property
    def summary(self) -> str:
        """One sentence."""
        return str(self.document["summary"])

    @property
    def profile(self) -> str:
        """Name of the profile."""
        return str(self.document["profile"]["name"])

    @property
    def manifest_sha256(self) -> str:
        """Digest of the manifest that it is about."""
        return str(self.document["dataset"]["manifest_sha256"])

    @property
    def digest(self) -> str:
        """Digest that it says it has."""
        return str(self.document["digest"])

    @property
    def is_unaltered(self) -> bool:
        """Whether it is as it was written: its digest is that of its content."""
        return self.digest == _digest(self.document)

    def to_bytes(self) -> bytes:
        """Content of the file."""
        return canonical_json(dict(self.document))

    @classmethod
    def from_bytes(cls, data: bytes, where: str) -> Report:
        """Parse a report that is not trusted. Whether it was altered is another question: `is_unaltered`.

        Raises:
            FormatError: it is no report, or of a newer version.
        """
        fields = as_mapping(parse_json(data, where), where)
        found = as_int(fields.get("report_version"), f"{where}: report_version")
        if found != REPORT_VERSION:
            msg = f"{where} has report version {found}, this voxpress reads {REPORT_VERSION}; upgrade it"
            raise FormatError(msg)
        if missing := [name for name in _FIELDS if name not in fields]:
            msg = f"{where} lacks {', '.join(missing)}; make it again with `voxpress gate`"
            raise FormatError(msg)
        if as_str(fields["verdict"], f"{where}: verdict") not in set(Verdict):
            msg = f"{where}: verdict must be one of {', '.join(Verdict)}, got {fields['verdict'][:100]!r}"
            raise FormatError(msg)
        as_str(fields["summary"], f"{where}: summary")
        as_str(fields["digest"], f"{where}: digest")
        as_str(as_mapping(fields["profile"], f"{where}: profile").get("name"), f"{where}: profile.name")
        dataset = as_mapping(fields["dataset"], f"{where}: dataset")
        as_str(dataset.get("manifest_sha256"), f"{where}: dataset.manifest_sha256")
        for section in as_list(fields["sections"], f"{where}: sections", most=len(SECTIONS)):
            as_list(as_mapping(section, f"{where}: sections").get("entries"), f"{where}: entries", most=1_000_000)
        return cls(document=fields)


def report_of(
    manifest: Manifest,
    judged: Judged,
    parts: Mapping[str, Part],
    *,
    digital_source_types: tuple[str, ...] = (),
    part_digests: Mapping[str, str] | None = None,
) -> Report:
    """The report of a data set. Pure, but for the versions of the packages that are installed.

    Args:
        manifest: of the data set.
        judged: its scores, judged.
        parts: name → what was measured, for tables and figures.
        digital_source_types: that the data set declares.
        part_digests: name of a part → sha256 of its file, so that one that was measured again is seen.
    """
    document: dict[str, Any] = {
        "report_version": REPORT_VERSION,
        "voxpress": version("voxpress"),
        "dataset": {
            "name": manifest.name,
            "version": manifest.version,
            "manifest_sha256": manifest.digest,
            "samples": sum(split.samples for split in manifest.splits.values()),
            "digital_source_types": list(digital_source_types),
            "origin": judged.origin.value,
        },
        "profile": judged.profile.to_json(),
        "verdict": judged.verdict.value,
        "summary": judged.summary,
        "sections": [_section(name, judged, parts.get(name)) for name in SECTIONS],
        "rejects": _rejects(parts.get("conditions")),
        "features": sorted({entry.score.feature_id for entry in judged.entries if entry.score.feature_id}),
        "packages": _packages(),
        "parts": dict(part_digests or {}),
    }
    check_plain(document, "the report")
    return Report(document=document | {"digest": _digest(document)})


def _section(name: str, judged: Judged, part: Part | None) -> dict[str, Any]:
    entries = judged.sections[name]
    return {
        "name": name,
        "title": _TITLES[name],
        "verdict": worst(entries).value,
        "entries": [entry.to_json() for entry in entries],
        "tables": dict(part.tables) if part else {},
        "figures": dict(part.figures) if part else {},
    }


def _rejects(part: Part | None) -> dict[str, Any]:
    """What was refused, by reason and by subgroup."""
    tables = part.tables if part else {}
    wanted = {"by_reason": "refused_by_reason", "by_subgroup": "subgroups"}
    return {name: tables[table] for name, table in wanted.items() if table in tables}


def _packages() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _digest(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(
        canonical_json({name: each for name, each in document.items() if name != "digest"})
    ).hexdigest()
