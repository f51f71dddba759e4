"""Samples of a finished data set that are refused afterwards: `quarantine.json`, by ids and codes alone.

What a check of one sample cannot see (a copy of a training image, a twin in the set) is found when the data set is
there. The file names the digest of the manifest that was judged, and holds nothing but ids and codes: whose image was
copied stays in the private file of the audit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ..errors import FormatError
from ..store.parsing import as_int, as_list, as_mapping, as_str, canonical_json, parse_json, refuse_unknown
from .sample import MEANINGS

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["QUARANTINE_MEANINGS", "Quarantine", "Quarantined", "read_quarantine", "reason_meanings"]

QUARANTINE_MEANINGS: Final[dict[str, str]] = {
    "COPY_TRAIN": "it is nearer to a training image than new images are",
    "COPY_SUSPECT": "it is near to a training image; a comparison at full resolution did not confirm that it is a copy",
    "COPY_CONFIRMED": "it is a copy of a training image, also at full resolution",
    "DUP_EXACT": "another sample of the set has the same voxels",
    "DUP_NEAR": "another sample of the set is nearly the same",
    "EMB_OUTLIER": "it is farther from every other sample than these are from each other",
    "SEED_REUSE": "another sample of the set was made from the same seed",
    "REVIEW": "a person who looked at it refused it",
}
"""Codes that only a finished data set can earn a sample, and what they stand for."""

_MOST_BYTES: Final = 256 * 2**20
_MOST_SAMPLES: Final = 10**7
_MOST_REASONS: Final = 100


def reason_meanings() -> dict[str, str]:
    """Every code with which voxpress itself refuses a sample, and what it stands for."""
    return MEANINGS | QUARANTINE_MEANINGS


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """One sample that is refused.

    Attributes:
        sample_id, index, attempt: as its row in the table has them.
        reasons: codes of `reason_meanings`.
    """

    sample_id: str
    index: int
    attempt: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantine:
    """The samples of a data set that are refused.

    Attributes:
        manifest_sha256: digest of the manifest of the data set that was judged.
        samples: each once.

    Raises:
        FormatError: a sample is named twice or without a reason, or a reason is no known code.
    """

    manifest_sha256: str
    samples: tuple[Quarantined, ...]

    def __post_init__(self) -> None:
        known = reason_meanings()
        seen: set[str] = set()
        for sample in self.samples:
            if sample.sample_id in seen:
                msg = f"the quarantine names the sample {sample.sample_id!r} twice; put its reasons together"
                raise FormatError(msg)
            seen.add(sample.sample_id)
            if not sample.reasons or any(reason not in known for reason in sample.reasons):
                found = [reason[:80] for reason in sample.reasons if reason not in known] or "none"
                msg = f"{sample.sample_id}: the reasons must be one or more of {', '.join(known)}; got {found}"
                raise FormatError(msg)

    def to_bytes(self) -> bytes:
        """The content of `quarantine.json`."""
        samples = [
            {
                "sample_id": each.sample_id,
                "index": each.index,
                "attempt": each.attempt,
                "reasons": sorted(set(each.reasons)),
            }
            for each in sorted(self.samples, key=lambda each: each.index)
        ]
        return canonical_json({"manifest_sha256": self.manifest_sha256, "samples": samples})

    @classmethod
    def from_bytes(cls, data: bytes, where: str) -> Quarantine:
        """From a file that is not trusted.

        Args:
            data: its content.
            where: its name, for messages.

        Raises:
            FormatError: it is something else; also where it has more fields, as a private file of the audit has.
        """
        fields = as_mapping(parse_json(data, where), where)
        refuse_unknown(fields, ("manifest_sha256", "samples"), where)
        samples = as_list(fields["samples"], f"{where}: samples", most=_MOST_SAMPLES)
        return cls(
            manifest_sha256=as_str(fields["manifest_sha256"], f"{where}: manifest_sha256"),
            samples=tuple(_sample(each, f"{where}: samples[{place}]") for place, each in enumerate(samples)),
        )


def read_quarantine(path: Path) -> Quarantine:
    """Reads `quarantine.json`.

    Raises:
        FormatError: it cannot be read, is too large, or is something else.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        msg = f"the quarantine file {path} cannot be read: {error.strerror or error}; give the path of quarantine.json"
        raise FormatError(msg) from None
    if len(data) > _MOST_BYTES:
        msg = f"the quarantine file {path} must have at most {_MOST_BYTES} bytes; give the path of quarantine.json"
        raise FormatError(msg)
    return Quarantine.from_bytes(data, str(path))


def _sample(value: Any, where: str) -> Quarantined:
    fields = as_mapping(value, where)
    refuse_unknown(fields, ("sample_id", "index", "attempt", "reasons"), where)
    reasons = as_list(fields["reasons"], f"{where}: reasons", most=_MOST_REASONS)
    return Quarantined(
        sample_id=as_str(fields["sample_id"], f"{where}: sample_id"),
        index=as_int(fields["index"], f"{where}: index"),
        attempt=as_int(fields["attempt"], f"{where}: attempt"),
        reasons=tuple(as_str(reason, f"{where}: reasons[{place}]") for place, reason in enumerate(reasons)),
    )
