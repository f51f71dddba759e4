"""The part of a card that only people can write: its headings, prompts, and answers from a YAML file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ...errors import FormatError
from ...store.strict_yaml import read_mapping

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["PLACEHOLDER", "QUESTIONS", "Human", "Question", "read_human", "template"]

PLACEHOLDER: Final = "[More Information Needed]"
"""What stands under a heading until somebody writes something there; also the Hub's own template has it."""

_MOST_BYTES: Final = 1_000_000
_HEADER_TEXTS: Final = ("license", "license_name", "license_link", "pretty_name")
_HEADER_LISTS: Final = ("language", "tags", "task_categories")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One section that people write.

    Attributes:
        key: in the YAML file.
        heading: in the card.
        prompt: what to write there.
        needs_address: it must say how somebody is reached.
    """

    key: str
    heading: str
    prompt: str
    needs_address: bool = False


QUESTIONS: Final = (
    Question(
        key="intended_use",
        heading="Intended use",
        prompt="What is it good for? Name the tasks, and what you have tried it for yourself.",
    ),
    Question(
        key="out_of_scope_use",
        heading="Out-of-scope use",
        prompt="What must it not be used for? Think of diagnosis, of statements about real groups of people, of "
        "attempts to find real persons in it.",
    ),
    Question(
        key="training_data",
        heading="Training data and consent",
        prompt="Which real people stand behind the generator: which cohort, how many, under which consent and ethics "
        "approval? Say so if there are none.",
    ),
    Question(
        key="known_biases",
        heading="Known biases and limits",
        prompt="Who and what is missing, rare or unrealistic in it? Which conditions does it not show well?",
    ),
    Question(
        key="maintainers",
        heading="Maintainers and contact",
        prompt="Who answers questions and takes reports of faults, and at which address (e-mail, URL or @name)?",
        needs_address=True,
    ),
    Question(
        key="licence_rationale",
        heading="Why this licence",
        prompt="Why may it be given under the licence above? Think of the terms of the generator's weights and of its "
        "training data.",
    ),
)
"""In the order of the card."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Human:
    """What people wrote.

    Attributes:
        answers: key of a question → Markdown.
        header: fields of the card's YAML header, such as `license`.
    """

    answers: Mapping[str, str] = field(default_factory=dict)
    header: Mapping[str, Any] = field(default_factory=dict)


def read_human(path: Path) -> Human:
    """Answers from a YAML file: a mapping with keys of `QUESTIONS` and of the card's header.

    Raises:
        FormatError: no mapping, an unknown key, or a value that is no text; the message has the keys.
        OSError: the file cannot be read.
    """
    data = path.read_bytes()
    if len(data) > _MOST_BYTES:
        msg = f"{path} has {len(data)} bytes, the limit is {_MOST_BYTES}; it is no text for a card"
        raise FormatError(msg)
    given = _parsed(data, path)
    keys = [question.key for question in QUESTIONS]
    known = (*keys, *_HEADER_TEXTS, *_HEADER_LISTS)
    if unknown := [str(key) for key in given if key not in known]:
        msg = f"{path} has the unknown key {unknown[0][:100]!r}; the keys are {', '.join(known)}"
        raise FormatError(msg)
    answers = {key: _text(given[key], f"{path}: {key}") for key in keys if given.get(key) is not None}
    header: dict[str, Any] = {key: _text(given[key], f"{path}: {key}") for key in _HEADER_TEXTS if key in given}
    header |= {key: _texts(given[key], f"{path}: {key}") for key in _HEADER_LISTS if key in given}
    return Human(answers=answers, header=header)


def template(question: Question) -> str:
    """What stands under a heading until it is answered; the prompt is not seen on the Hub."""
    return f"<!-- {question.prompt} -->\n{PLACEHOLDER}"


def _parsed(data: bytes, path: Path) -> dict[Any, Any]:
    try:
        return read_mapping(data.decode(), source=str(path))
    except ValueError as error:
        msg = f"{path} cannot be read: {' '.join(str(error).split())[:300]}"
        raise FormatError(msg) from error


def _text(value: Any, where: str) -> str:
    if isinstance(value, str) and "<!-- voxpress:" not in value:
        return value.strip()
    msg = f"{where} must be a text without marks of voxpress, got {str(value)[:100]!r}"
    raise FormatError(msg)


def _texts(value: Any, where: str) -> list[str]:
    if not isinstance(value, list):
        msg = f"{where} must be a list of words, got {str(value)[:100]!r}"
        raise FormatError(msg)
    return [_text(each, where) for each in value]
