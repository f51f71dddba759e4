"""Licences: what each asks for, and which a data set cannot have because of what it was made from.

This is no legal advice. It refuses only what the text of a licence rules out, and says why.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from .notices import NOTICES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["NOT_CHOSEN", "Source", "Terms", "conflicts", "hub_id", "sources_of", "terms_of"]

NOT_CHOSEN: Final = "to-be-chosen"
"""`license_name` of a card whose publisher has not decided yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a licence asks of whoever passes on what was made with the work.

    Attributes:
        commercial: commercial use is allowed.
        derivatives: what is made from the work may be passed on.
        share_alike: … only under the same licence.
        attribution: … only with the names of its authors.
        use_limits: … only with the limits of use that the licence names (RAIL and the like).
    """

    commercial: bool = True
    derivatives: bool = True
    share_alike: bool = False
    attribution: bool = True
    use_limits: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What a data set was made from.

    Attributes:
        what: for people, such as `the weights of ldm`.
        licence: SPDX id, or the name of a licence that has none.
    """

    what: str
    licence: str


_PUBLIC: Final = Terms(attribution=False)
_OPEN: Final = Terms()
_SHARE: Final = Terms(share_alike=True)
_RAIL: Final = Terms(use_limits=True)
_KNOWN: Final[dict[str, Terms]] = {
    **dict.fromkeys(("cc0-1.0", "pddl", "unlicense", "wtfpl"), _PUBLIC),
    **dict.fromkeys(
        (
            *("apache-2.0", "mit", "bsd", "bsd-2-clause", "bsd-3-clause", "bsd-3-clause-clear", "isc", "zlib", "ncsa"),
            *("afl-3.0", "artistic-2.0", "bsl-1.0", "ecl-2.0", "ms-pl", "postgresql", "etalab-2.0", "odc-by"),
            *("cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cdla-permissive-1.0", "cdla-permissive-2.0"),
            *("openmdw-1.0", "icbm-152"),
        ),
        _OPEN,
    ),
    **dict.fromkeys(
        (
            *("cc-by-sa-3.0", "cc-by-sa-4.0", "odbl", "cdla-sharing-1.0", "gfdl", "gpl", "gpl-2.0", "gpl-3.0"),
            *("agpl-3.0", "osl-3.0", "eupl-1.1", "eupl-1.2"),
        ),
        _SHARE,
    ),
    **dict.fromkeys(
        (
            *("openrail", "openrail++", "bigscience-openrail-m", "creativeml-openrail-m", "bigscience-bloom-rail-1.0"),
            *("bigcode-openrail-m", "llama2", "llama3", "llama3.1", "llama3.2", "llama3.3", "llama4", "gemma"),
        ),
        _RAIL,
    ),
    **dict.fromkeys(
        ("cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0", "nvidia-oneway-noncommercial-license"), Terms(commercial=False)
    ),
    **dict.fromkeys(
        ("cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0"), Terms(commercial=False, share_alike=True)
    ),
    "cc-by-nd-4.0": Terms(derivatives=False),
    **dict.fromkeys(("cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0"), Terms(commercial=False, derivatives=False)),
    **dict.fromkeys(
        (
            *("h-research", "intel-research", "apple-amlr", "fair-noncommercial-research-license"),
            "deepfloyd-if-license",
        ),
        Terms(commercial=False, use_limits=True),
    ),
}
"""What is known for certain. A licence that is not here is nobody's to judge by a table: a person must read it."""

# A later version of the same share-alike licence takes what is under the earlier one.
_LATER: Final = {
    "cc-by-sa-3.0": ("cc-by-sa-4.0",),
    "cc-by-nc-sa-2.0": ("cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0"),
    "cc-by-nc-sa-3.0": ("cc-by-nc-sa-4.0",),
    "eupl-1.1": ("eupl-1.2",),
}
_SPELLINGS: Final = {
    "odbl-1.0": "odbl",
    "odc-by-1.0": "odc-by",
    "pddl-1.0": "pddl",
    "gpl-2.0-only": "gpl-2.0",
    "gpl-3.0-only": "gpl-3.0",
    "gpl-3.0-or-later": "gpl-3.0",
    "agpl-3.0-only": "agpl-3.0",
    "agpl-3.0-or-later": "agpl-3.0",
}
_LOCKED: Final = {
    "weights_licence": "the weights",
    "training_data_licence": "the training data",
    "template_licence": "the template",
}
"""Fields of a backend's fingerprint, which the lock keeps."""


def hub_id(licence: str) -> str:
    """The Hub's spelling of an SPDX id; any other name in small letters.

    >>> hub_id("CC-BY-4.0"), hub_id("ODbL-1.0")
    ('cc-by-4.0', 'odbl')
    """
    small = licence.strip().lower()
    return _SPELLINGS.get(small, small)


def terms_of(licence: str) -> Terms | None:
    """What a licence asks for; None where that is not known."""
    return _KNOWN.get(hub_id(licence))


def sources_of(lock: Mapping[str, Any]) -> list[Source]:
    """What a data set was made from, as its lock or the notices of its backend say."""
    backend = lock.get("backend", {})
    name = str(backend.get("name", ""))
    found = [
        Source(what=f"{what} of the backend {name}", licence=str(backend[key]))
        for key, what in _LOCKED.items()
        if backend.get(key)
    ]
    notice = NOTICES.get(name)
    return (
        found if notice is None else [*found, Source(what=f"the template of the backend {name}", licence=notice.name)]
    )


def conflicts(chosen: str, sources: Sequence[Source]) -> list[str]:
    """Why a data set that was made from these sources cannot have this licence; nothing if it can.

    Args:
        chosen: licence of the data set, by SPDX id or the Hub's name; any other name for terms of your own.
        sources: with their licences; those that are not known are left to a person.
    """
    return [reason for source in sources for reason in _conflicts(hub_id(chosen), source)]


def _conflicts(chosen: str, source: Source) -> list[str]:
    licence = hub_id(source.licence)
    asked, given = terms_of(licence), terms_of(chosen)
    if asked is None:
        return []
    where = f"{source.what} ({licence})"
    if not asked.derivatives:
        return [
            f"{where} may not be passed on in what is made from it; the data set cannot be published under any licence"
        ]
    if chosen == licence or chosen in _LATER.get(licence, ()) or given is None:
        return []
    problems = []
    if asked.share_alike:
        problems.append(f"{where} asks for the same licence, not {chosen}; choose {licence}")
    elif not asked.commercial and given.commercial:
        problems.append(f"{where} rules out commercial use, and {chosen} allows it; choose one such as cc-by-nc-4.0")
    elif asked.use_limits and not given.use_limits:
        problems.append(f"{where} has limits of use that must be passed on, and {chosen} has none; choose {licence}")
    elif asked.attribution and not given.attribution:
        problems.append(
            f"{where} asks that its notice stays with every copy, and {chosen} gives that up; choose cc-by-4.0"
        )
    return problems
