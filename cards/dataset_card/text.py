"""The `README.md` of a data set: what it is, for people, and which files are its splits, for the Hub."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from ..markdown import escape
from .blocks import BLOCKS, block, header_text, replaced, section_of, split_header, with_section
from .contents import contents, files, loading, sample_count
from .facts import CardFacts
from .header import header_of, licence_of, merged_header
from .human import QUESTIONS, Human, template
from .making import backend_of, changes, citation, licence, limits, making, summary
from .people import conditions
from .quality import quality, refusals, verdict_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...store.manifest import Manifest

__all__ = ["dataset_card", "machine_blocks", "remade_card"]

_AFTER: Final = "licence_rationale"
"""The question that stands below the licence."""


def dataset_card(manifest: Manifest, facts: CardFacts | None = None, human: Human | None = None) -> str:
    """Text of a new card: a YAML header that the Hub and `datasets` read, then Markdown.

    A pure function: the same data set has the same card.

    Args:
        manifest: of the data set.
        facts: what else is known; None for nothing.
        human: what people wrote; the prompts stand where they wrote nothing.

    Returns:
        UTF-8 text, ending with a newline.
    """
    facts = _named(manifest, facts or CardFacts())
    human = human or Human()
    header = header_of(manifest, facts)
    header = merged_header({}, header, human.header)
    machine = machine_blocks(manifest, facts, header)
    asked = {each.key: f"## {each.heading}\n\n{human.answers.get(each.key) or template(each)}" for each in QUESTIONS}
    before = [text for key, text in asked.items() if key != _AFTER]
    first, second = (block(name, machine[name]) for name in BLOCKS)
    title = f"# {escape(manifest.name)}"
    return "\n\n".join((header_text(header), title, first, *before, second, asked[_AFTER])) + "\n"


def remade_card(card: str, manifest: Manifest, facts: CardFacts, human: Human | None = None) -> str:
    """A card made again: the machine's blocks and fields are new, all else is as it was.

    Args:
        card: text of the card that is there.
        manifest: of the data set.
        facts: what else is known.
        human: what people write now, in place of what they wrote before.

    Raises:
        FormatError: the header of the card cannot be read.
    """
    facts = _named(manifest, facts)
    human = human or Human()
    old, body = split_header(card, "the card")
    header = merged_header(old, header_of(manifest, facts), human.header)
    for question in QUESTIONS:
        answer = human.answers.get(question.key)
        if answer is not None or section_of(body, question.heading) is None:
            body = with_section(body, question.heading, answer or template(question))
    body = replaced(body, machine_blocks(manifest, facts, header))
    return f"{header_text(header)}\n\n{body.strip()}\n"


def machine_blocks(manifest: Manifest, facts: CardFacts, header: Mapping[str, Any]) -> dict[str, str]:
    """The machine's part of the card: name of each block → Markdown.

    Args:
        manifest: of the data set.
        facts: what else is known.
        header: of the card, which has the licence.
    """
    facts = replace(_named(manifest, facts), licence=licence_of(header))
    where = facts.repository or f"path/to/{manifest.name}"
    top = [summary(manifest, facts, sample_count(manifest)), verdict_line(facts)]
    if pictures := [path for path in facts.pictures if path.endswith("preview.png")]:
        top.append(_picture(pictures[0], _alt("Some samples in axial, coronal and sagittal planes", manifest)))
    figures = [path for path in facts.pictures if path not in pictures]
    parts = [
        loading(manifest, where),
        contents(manifest),
        conditions(facts),
        *(_picture(path, _alt("Conditions as ordered and as measured", manifest)) for path in figures),
        quality(facts),
        refusals(facts) if manifest.synthetic else "",
        making(manifest),
        files(manifest),
        limits(manifest),
        changes(facts),
        citation(manifest, facts),
        licence(manifest, facts),
    ]
    return {
        "summary": "\n\n".join(top),
        "facts": "\n\n".join(part.strip("\n") for part in parts if part),
    }


def _named(manifest: Manifest, facts: CardFacts) -> CardFacts:
    return replace(facts, backend=backend_of(manifest, facts))


def _picture(path: str, alt: str) -> str:
    return f"![{alt}]({path})"


def _alt(what: str, manifest: Manifest) -> str:
    return f"{what}. Synthetic data." if manifest.synthetic else f"{what}."
