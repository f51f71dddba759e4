"""Names of the files that a sample is exported to. Pure.

A plain folder has files of the samples' ids. BIDS has subjects, whose labels are letters and digits: those of synthetic
samples begin with `synth`, so that none is ever taken for somebody of a real data set; real ones keep the labels
that their ids have.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ...errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["BidsName", "bids_names", "plain_names"]

_LONGEST: Final = 180
_ID: Final = r"sub-([A-Za-z0-9]+)(?:_ses-([A-Za-z0-9]+))?"
_SYNTHETIC: Final = "synth"


@dataclass(frozen=True, slots=True, kw_only=True)
class BidsName:
    """Whom a sample shows, in the words of BIDS.

    Attributes:
        subject, session: labels; the session empty where there is none.
    """

    subject: str
    session: str = ""

    @property
    def stem(self) -> str:
        """What all names of its files begin with."""
        return f"sub-{self.subject}" + (f"_ses-{self.session}" if self.session else "")

    @property
    def folder(self) -> str:
        """Of its volumes, relative to the data set."""
        return f"sub-{self.subject}/" + (f"ses-{self.session}/" if self.session else "") + "anat"


def plain_names(ids: Sequence[str]) -> list[str]:
    """Ids as names of files: letters, digits, ``.``, ``_`` and ``-``; anything else becomes ``_``.

    Raises:
        FormatError: two ids would have one name.
    """
    names = [re.sub(r"[^A-Za-z0-9._-]", "_", one).lstrip(".")[:_LONGEST] or "_" for one in ids]
    # some file systems do not tell cases apart
    if twice := [name for name, count in Counter(name.lower() for name in names).items() if count > 1]:
        both = [one for one, name in zip(ids, names, strict=True) if name.lower() == twice[0]][:2]
        msg = f"the samples {both[0]!r} and {both[1]!r} would have one name of a file, {twice[0]!r}; export them apart"
        raise FormatError(msg)
    return names


def bids_names(ids: Sequence[str], indices: Sequence[int], *, synthetic: bool) -> list[BidsName]:
    """Subjects and sessions of samples.

    Args:
        ids: of the samples.
        indices: their positions in the planned cohort.
        synthetic: whether they show no real person.

    Raises:
        FormatError: two samples would have one name.
    """
    if synthetic:
        width = max(6, len(str(max(indices, default=0))))
        return [BidsName(subject=f"{_SYNTHETIC}{index:0{width}d}") for index in indices]
    found = [re.fullmatch(_ID, one) for one in ids]
    names = [
        BidsName(subject=match[1], session=match[2] or "")
        if match
        else BidsName(subject=re.sub("[^A-Za-z0-9]", "", one)[:_LONGEST])
        for match, one in zip(found, ids, strict=True)
    ]
    counts = Counter(name.stem.lower() for name in names)
    if wrong := [
        one for one, name in zip(ids, names, strict=True) if not name.subject or counts[name.stem.lower()] > 1
    ]:
        msg = (
            f"the sample {wrong[0]!r} has no BIDS label of its own, which is letters and digits; import the data set "
            "with other ids (a column sample_id), or export it as nifti"
        )
        raise FormatError(msg)
    return names
