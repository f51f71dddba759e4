"""Writes what people and programs read first into a store: the card, its pictures, and `croissant.json`."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from ..errors import FormatError
from ..quality.parts import write_beside
from ..store import safe_path
from ..store.files import read_whole
from ..store.layout import CARD_NAME
from .croissant import CROISSANT_NAME, croissant_document
from .dataset_card import QUESTIONS, dataset_card, gather, remade_card
from .dataset_card.blocks import read_blocks, section_of, split_header
from .dataset_card.header import licence_of
from .dataset_card.human import PLACEHOLDER
from .dataset_card.pictures import write_pictures
from .lint.facts_check import told_repository

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ..store.cohort import Cohort
    from .dataset_card import CardFacts, Human

__all__ = ["card_now", "write_card"]

_MOST_BYTES: Final = 16 * 2**20


def write_card(
    cohort: Cohort, *, human: Human | None = None, repository: str = "", pictures: bool = True
) -> tuple[str, ...]:
    """Writes the card of a data set, or makes it again: what people wrote in it stays.

    Args:
        cohort: all of the data set, on this machine.
        human: what people say, in place of what they said before.
        repository: `org/name` on the Hub, for the examples; empty for what the card says already.
        pictures: draw the pictures too; otherwise those that are there are kept.

    Returns:
        paths of what was written, relative to the store.

    Raises:
        FormatError: the card that is there has no marks of voxpress, so it is somebody's own; or its header or the
            quality report cannot be read.
        CorruptError: a volume or the table is damaged.
    """
    old = _text(cohort.path, CARD_NAME)
    if old is not None:
        _own_body(old, cohort.path)
    drawn = write_pictures(cohort) if pictures else []
    card, facts = _made(cohort, old, human, repository)
    write_beside(cohort.path, CARD_NAME, card.encode())
    write_beside(cohort.path, CROISSANT_NAME, _croissant(cohort, facts, card))
    return (*drawn, CARD_NAME, CROISSANT_NAME)


def card_now(cohort: Cohort) -> str:
    """The card that `write_card` would write, with what people wrote in the one that is there; nothing is written.

    Raises:
        FormatError, CorruptError: as `write_card`.
    """
    return _made(cohort, _text(cohort.path, CARD_NAME), None, "")[0]


def _made(cohort: Cohort, old: str | None, human: Human | None, repository: str) -> tuple[str, CardFacts]:
    body = "" if old is None else _own_body(old, cohort.path)
    facts = gather(cohort, repository=repository or told_repository(body))
    manifest = cohort.manifest
    card = dataset_card(manifest, facts, human) if old is None else remade_card(old, manifest, facts, human)
    return card, facts


def _own_body(card: str, root: Path) -> str:
    """Body of a card that voxpress may change."""
    _, body = split_header(card, CARD_NAME)
    if read_blocks(body):
        return body
    msg = (
        f"{root / CARD_NAME} has no marks of voxpress (<!-- voxpress:begin … -->), so it is left as it is; move it "
        "away, make the card, and copy your text under its headings"
    )
    raise FormatError(msg)


def _croissant(cohort: Cohort, facts: CardFacts, card: str) -> bytes:
    header, body = split_header(card, CARD_NAME)
    answers = {each.key: section_of(body, each.heading) or "" for each in QUESTIONS}
    document = croissant_document(
        cohort.manifest,
        cohort.store.schema,
        replace(facts, licence=licence_of(header)),
        published=_published(cohort.path),
        answers={key: answer for key, answer in answers.items() if PLACEHOLDER not in answer},
    )
    return json.dumps(document, indent=1, ensure_ascii=False).encode() + b"\n"


def _published(root: Path) -> str:
    """The day on which the document was first made; today if it was not."""
    text = _text(root, CROISSANT_NAME)
    try:
        there: Mapping[str, Any] = json.loads(text or "{}")
        return dt.date.fromisoformat(str(there["datePublished"])).isoformat()
    except (ValueError, KeyError, TypeError):
        return dt.datetime.now(tz=dt.UTC).date().isoformat()


def _text(root: Path, name: str) -> str | None:
    path = safe_path(root, name)
    return read_whole(path, name, most=_MOST_BYTES).decode("utf-8", errors="replace") if path.is_file() else None
