"""Whether a data set may have a licence, given that of the weights that made it. Pure.

Whether a licence of weights reaches what they make is for courts; what a publisher must not do without knowing it is to
invite everybody to use commercially what was made with weights that nobody may use so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["licence_conflict"]

_RESTRICTED: Final = ("-nc", "noncommercial", "non-commercial")
_UNDECIDED: Final = ("", "other", "unknown", "to-be-chosen")


def licence_conflict(lock: Mapping[str, Mapping[str, Any]], licence: str) -> str | None:
    """Why a licence cannot be given to a data set; None where nothing speaks against it.

    Args:
        lock: of the manifest.
        licence: identifier as on the Hub, such as ``cc-by-4.0``; of ``other``, its name.

    >>> licence_conflict({"backend": {"weights_commercial_use": "yes"}}, "cc0-1.0")
    """
    backend = lock.get("backend", {})
    if backend.get("weights_commercial_use") != "no":
        return None
    named = licence.strip().lower()
    if named in _UNDECIDED or any(mark in named for mark in _RESTRICTED):
        return None
    weights = str(backend.get("weights_licence", "a non-commercial licence"))[:100]
    if named == weights:
        return None
    return (
        f"the data set was made with weights under {weights}, which forbids commercial use, and {licence!r} allows it: "
        "choose a licence that does not (such as cc-by-nc-4.0, or other with the name of the weights' licence)"
    )
