"""Publishing against the gate: only with a reason, which is kept with the data for everybody to see."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ...errors import FormatError, QualityError
from ...store import safe_path
from ...store.files import read_whole
from ...store.parsing import as_mapping, as_str, canonical_json, parse_json, refuse_unknown
from ..parts import write_beside

if TYPE_CHECKING:
    from pathlib import Path

    from .standing import Standing

__all__ = ["OVERRIDE_NAME", "Override", "check_reason", "drop_override", "read_override", "write_override"]

OVERRIDE_NAME: Final = "quality/override.json"

_FIELDS: Final = ("manifest_sha256", "reason", "state", "verdict", "sentence")
_FEWEST_WORDS: Final = 3
_MOST_CHARACTERS: Final = 2000
_MOST_BYTES: Final = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """That a data set was published though its quality report does not let it, and why.

    Attributes:
        manifest_sha256: digest of its manifest.
        reason: in the publisher's words.
        state: of the report.
        verdict: of it.
        sentence: what was the matter.
    """

    manifest_sha256: str
    reason: str
    state: str
    verdict: str
    sentence: str

    @classmethod
    def of(cls, standing: Standing, manifest_sha256: str, reason: str) -> Override:
        """The override of a standing.

        Raises:
            QualityError: the reason is none.
        """
        return cls(
            manifest_sha256=manifest_sha256,
            reason=check_reason(reason),
            state=standing.state.value,
            verdict=standing.verdict.value,
            sentence=standing.sentence,
        )


def check_reason(text: str) -> str:
    """A reason in one line.

    Raises:
        QualityError: it is empty, of fewer than three words, too long, or holds control characters.
    """
    reason = " ".join(text.split())
    if len(re.findall(r"\w{2,}", reason)) < _FEWEST_WORDS or len(reason) > _MOST_CHARACTERS or not reason.isprintable():
        msg = (
            f"the reason of an override must be a sentence of at least {_FEWEST_WORDS} words and at most "
            f"{_MOST_CHARACTERS} characters, which everybody will read on the card; got {text[:200]!r}"
        )
        raise QualityError(msg)
    return reason


def write_override(root: Path, override: Override) -> None:
    """Keep an override with its data set, over an older one."""
    write_beside(root, OVERRIDE_NAME, canonical_json({name: getattr(override, name) for name in _FIELDS}))


def read_override(root: Path) -> Override | None:
    """The override of a data set; None where there is none.

    Raises:
        FormatError, CorruptError: the file is none.
    """
    path = safe_path(root, OVERRIDE_NAME)
    if not path.exists():
        return None
    where = str(path)
    fields = as_mapping(parse_json(read_whole(path, OVERRIDE_NAME, most=_MOST_BYTES), where), where)
    refuse_unknown(fields, _FIELDS, where)
    override = Override(**{name: as_str(fields[name], f"{where}: {name}") for name in _FIELDS})
    try:
        check_reason(override.reason)
    except QualityError as error:
        raise FormatError(str(error)) from error
    return override


def drop_override(root: Path) -> None:
    """Delete the override of a data set that needs none any more."""
    safe_path(root, OVERRIDE_NAME).unlink(missing_ok=True)
