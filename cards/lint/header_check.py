"""The header of a card against the lists of the Hub and the manifest. Needs no network."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from ..dataset_card import sample_count, size_category
from ..hub_lists import hub_list
from ..licences import NOT_CHOSEN, conflicts, hub_id, sources_of, terms_of
from .finding import fault, missing, warning

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from ...store.manifest import Manifest
    from .finding import Finding

__all__ = ["header_findings"]

_TAG: Final = re.compile(r"[^\s,][^\n,]{0,99}")
_AGAIN: Final = "make the card again with `voxpress card`"


def header_findings(header: Mapping[str, Any], manifest: Manifest, *, synthetic: bool) -> Iterator[Finding]:
    """What is wrong with the header.

    Args:
        header: as YAML has it.
        manifest: of the data set.
        synthetic: whether the data are.
    """
    yield from _licence(header)
    yield from _compatible(header, manifest)
    for field in ("size_categories", "task_categories", "annotations_creators"):
        yield from _listed(header, field, hub_list(field))
    expected = size_category(sample_count(manifest))
    if header.get("size_categories") not in ([expected], expected):
        yield fault(
            "size_categories", f"{header.get('size_categories')} does not fit the manifest: {expected}; {_AGAIN}"
        )
    yield from _tags(header.get("tags"), synthetic=synthetic)


def _licence(header: Mapping[str, Any]) -> Iterator[Finding]:
    licence = header.get("license")
    if not isinstance(licence, str) or licence not in hub_list("license"):
        known = hub_id(str(licence))
        advice = (
            f"write {known}"
            if known in hub_list("license")
            else "use its id, or `other` with `license_name` and `license_link`"
        )
        yield fault("license", f"{licence!r} is no licence of the Hub; {advice}")
    elif licence == "unknown" or (licence == "other" and header.get("license_name") in {None, "", NOT_CHOSEN}):
        yield missing("license", "no licence has been chosen; set `license`, or `license_name` and `license_link`")
    elif licence == "other" and not str(header.get("license_link", "")).strip():
        yield missing("license_link", "a licence of its own name needs a link to its text")


def _compatible(header: Mapping[str, Any], manifest: Manifest) -> Iterator[Finding]:
    licence = str(header.get("license", ""))
    chosen = str(header.get("license_name", "")) if licence == "other" else licence
    sources = sources_of(manifest.lock)
    yield from (fault("license", reason) for reason in conflicts(chosen, sources))
    unknown = [source for source in sources if terms_of(source.licence) is None]
    strict = [
        source
        for source in sources
        if source not in unknown and terms_of(chosen) is None and chosen != hub_id(source.licence)
    ]
    for source in (*unknown, *strict):
        told = (
            f"{source.what} ({source.licence}): see that {chosen or 'the licence'} keeps its terms; no table knows both"
        )
        yield warning("license", told)


def _listed(header: Mapping[str, Any], field: str, known: Collection[str]) -> Iterator[Finding]:
    values = header.get(field, [])
    values = [values] if isinstance(values, str) else values
    if not isinstance(values, list):
        yield fault(field, f"must be a list of words, got {str(values)[:100]!r}")
        return
    yield from (
        fault(field, f"{str(value)[:100]!r} is none of the Hub's; it takes {', '.join(sorted(known)[:12])} …")
        for value in values
        if value not in known
    )


def _tags(tags: Any, *, synthetic: bool) -> Iterator[Finding]:
    if not isinstance(tags, list) or any(not isinstance(tag, str) or not _TAG.fullmatch(tag) for tag in tags):
        yield fault("tags", f"must be a list of words, got {str(tags)[:200]!r}")
    elif ("synthetic" in tags) is not synthetic:
        yield fault("tags", f"must {'hold' if synthetic else 'not hold'} `synthetic`; {_AGAIN}")
