"""The machine's part of a card against what it would be if it were made now."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ..dataset_card import gather, machine_blocks
from ..dataset_card.blocks import read_blocks
from .finding import fault, warning

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ...store.cohort import Cohort
    from .finding import Finding

__all__ = ["facts_findings", "told_repository"]

_AGAIN = "make it again with `voxpress card`, which keeps what people wrote"
_WHAT = {
    "Quality": "the quality table is not that of quality/report.json",
    "What is in it": "the counts or arrays are not those of the manifest",
    "Files and checksums": "the checksums are not those of the manifest",
}


def facts_findings(header: Mapping[str, Any], body: str, cohort: Cohort) -> Iterator[Finding]:
    """Sections that differ from the data.

    Args:
        header: of the card.
        body: of the card, below its header.
        cohort: the data set, on this machine.
    """
    there = read_blocks(body)
    facts = gather(cohort, repository=told_repository(body))
    wanted = machine_blocks(cohort.manifest, facts, header)
    if missing := [name for name in wanted if name not in there]:
        told = f"the block {missing[0]!r} between `<!-- voxpress:begin … -->` and its end is not there; {_AGAIN}"
        yield fault("card", told)
        return
    undescribed = not facts.conditions and not facts.measures
    for name, content in wanted.items():
        old, new = _sections(there[name]), _sections(content)
        for title in (*new, *(title for title in old if title not in new)):
            if old.get(title) == new.get(title):
                continue
            if undescribed and title.startswith(("Conditions:", "Measures:", "Ordered and measured")):
                yield warning(title, "cannot be compared, as the backend of the data set is not installed here")
            else:
                yield fault(title or "summary", f"{_WHAT.get(title, 'it is not what the data say now')}; {_AGAIN}")


def told_repository(body: str) -> str:
    """`org/name` that the examples of a card load; empty for a path."""
    found = re.search(r"voxpress\.load_dataset\('([\w.-]+/[\w.-]+)',", read_blocks(body).get("facts", ""))
    return "" if found is None or found[1].startswith("path/") else found[1]


def _sections(content: str) -> dict[str, str]:
    """Heading → text below it, down to the next heading."""
    parts = re.split(r"^#{1,3} (.+)$", content, flags=re.MULTILINE)
    return {"": parts[0].strip(), **{title: text.strip() for title, text in zip(parts[1::2], parts[2::2], strict=True)}}
