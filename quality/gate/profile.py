"""Profiles: which figures a data set must have. The built-in ones are in `profiles.yaml`, others in a file like it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ...errors import QualityError, VoxpressError
from ...store.strict_yaml import MAX_BYTES, read_mapping
from ..parts import PARTS
from ..scores import Verdict
from .bounds import Bound, parse_bounds
from .origin import Origin

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["BUILT_IN", "SECTIONS", "Judgement", "Profile", "Rule", "built_in", "load_profile"]

BUILT_IN: Final = ("demo", "research", "strict")
SECTIONS: Final = (*PARTS, "release")
"""What a score's id begins with; the sections of a report in their order."""

_FILE: Final = Path(__file__).with_name("profiles.yaml")
_PATTERN: Final = re.compile(rf"({'|'.join(SECTIONS)})(\.([a-z0-9_]+|\*))+")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_OTHERWISE: Final = {"WARN": Verdict.WARN, "FAIL": Verdict.FAIL, "INVALID": Verdict.INVALID}
_NOT_RUN: Final = {"ignore": None, "WARN": Verdict.WARN, "FAIL": Verdict.FAIL}


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """How a score is judged.

    Attributes:
        passes: one of these must hold for PASS.
        warns: else one of these for WARN.
        otherwise: what it is else.
        not_run: origin of the data set → what it counts as if it was not measured; None for nothing.
        texts: `pass` and `warn` as they were written.
    """

    passes: tuple[Bound, ...]
    warns: tuple[Bound, ...]
    otherwise: Verdict
    not_run: Mapping[Origin, Verdict | None]
    texts: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """As it was written, with every default."""
        words = {origin.value: "ignore" if each is None else each.value for origin, each in self.not_run.items()}
        return {**self.texts, "otherwise": self.otherwise.value, "not_run": words}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What is asked of the scores of one kind.

    Attributes:
        id: of a score; `*` stands for any one or more parts of it.
        asks: the question, for people.
        source: of the numbers.
        optional: a data set may have none of these.
        judgement: None where the scores are reported and not judged.
    """

    id: str
    asks: str
    source: str
    optional: bool
    judgement: Judgement | None

    @property
    def section(self) -> str:
        """Of the report."""
        return self.id.partition(".")[0]

    @property
    def is_pattern(self) -> bool:
        """Whether it stands for several scores."""
        return "*" in self.id

    def matches(self, score_id: str) -> bool:
        """Whether a score is of this kind."""
        return re.fullmatch(re.escape(self.id).replace(r"\*", ".+"), score_id) is not None

    def to_json(self) -> dict[str, Any]:
        """For the report."""
        words = {"reported": True} if self.judgement is None else self.judgement.to_json()
        return {"id": self.id, "asks": self.asks, "source": self.source, "optional": self.optional, **words}


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A set of rules; of several that match a score, the first counts.

    Attributes:
        name: short.
        about: whom it is for.
        rules: in their order.
    """

    name: str
    about: str
    rules: tuple[Rule, ...]

    def rule_for(self, score_id: str) -> Rule | None:
        """The rule that judges a score."""
        return next((rule for rule in self.rules if rule.matches(score_id)), None)

    def to_json(self) -> dict[str, Any]:
        """All of it, for the report."""
        return {"name": self.name, "about": self.about, "rules": [rule.to_json() for rule in self.rules]}


@cache
def built_in(name: str) -> Profile:
    """One of the profiles that come with voxpress.

    Raises:
        QualityError: there is none of this name.
    """
    if name not in BUILT_IN:
        msg = f"there is no profile {name!r}; give one of {', '.join(BUILT_IN)}, or a file that ends in .yaml"
        raise QualityError(msg)
    fields = _read(_FILE)
    about = _mapping(fields["profiles"], "profiles")[name]
    rules = tuple(_rule(each, name, f"rules[{row}]") for row, each in enumerate(fields["rules"]))
    return Profile(name=name, about=about, rules=rules)


def load_profile(name: str) -> Profile:
    """A profile by its name, or of a file.

    A file names itself (`name`), the built-in profile that it changes (`extends`), and rules (`rules`), which are as in
    `profiles.yaml` with the judgement in the rule itself. A rule replaces that of the same id, or comes before all.

    Args:
        name: one of `BUILT_IN`, or a path that ends in `.yaml` or `.yml`.

    Raises:
        QualityError: there is no such profile, or the file is not well formed.
    """
    if not name.endswith((".yaml", ".yml")):
        return built_in(name)
    path = Path(name).expanduser()
    fields = _read(path)
    _known(fields, {"name", "about", "extends", "rules"}, path.name)
    label = fields.get("name")
    if not isinstance(label, str) or not _NAME.fullmatch(label) or label in BUILT_IN:
        raise _wrong(f"{path.name}: name", f"letters, digits, . _ -, and none of {', '.join(BUILT_IN)}", label)
    base = built_in(_text(fields.get("extends", "research"), f"{path.name}: extends"))
    written = fields.get("rules", [])
    if not isinstance(written, list):
        raise _wrong(f"{path.name}: rules", "a list", written)
    own = {}
    for row, each in enumerate(written):
        rule = _rule(each, None, f"{path.name}: rules[{row}]", base=base)
        if rule.id in own:
            raise _wrong(f"{path.name}: rules[{row}].id", "given once", rule.id)
        own[rule.id] = rule
    kept = tuple(own.pop(rule.id, rule) for rule in base.rules)
    about = fields.get("about", f"Changed from {base.name}.")
    return Profile(name=label, about=_text(about, f"{path.name}: about"), rules=(*own.values(), *kept))


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MAX_BYTES:
            msg = f"the profile {path} has more than {MAX_BYTES} bytes"
            raise QualityError(msg)
        return read_mapping(path.read_text(encoding="utf-8"), source=f"the profile {path}")
    except QualityError:
        raise
    except (OSError, VoxpressError, UnicodeDecodeError) as error:
        msg = f"the profile {path} cannot be read: {error}"
        raise QualityError(msg) from error


def _rule(value: Any, profile: str | None, where: str, *, base: Profile | None = None) -> Rule:
    """One rule: of the built-in file (where each profile has its judgement), or of a user's."""
    fields = _mapping(value, where)
    score_id = fields.get("id")
    if not isinstance(score_id, str) or not _PATTERN.fullmatch(score_id):
        raise _wrong(f"{where}.id", f"the id of a score, such as set.kid.*, of {', '.join(SECTIONS)}", score_id)
    older = base.rule_for(score_id) if base else None
    judging = {"pass", "warn", "otherwise", "not_run", "reported"}
    _known(fields, {"id", "asks", "source", "optional", *(judging if profile is None else BUILT_IN)}, where)
    if profile is None:
        written = {name: each for name, each in fields.items() if name in judging}
    else:
        written = _mapping(fields.get(profile), f"{where}.{profile}")
    optional = fields.get("optional", older.optional if older else False)
    if not isinstance(optional, bool):
        raise _wrong(f"{where}.optional", "true or false", optional)
    return Rule(
        id=score_id,
        asks=_text(fields.get("asks", older.asks if older else None), f"{where}.asks"),
        source=_text(fields.get("source", "the publisher's own" if profile is None else None), f"{where}.source"),
        optional=optional,
        judgement=_judgement(written, where),
    )


def _judgement(fields: Mapping[str, Any], where: str) -> Judgement | None:
    _known(fields, {"pass", "warn", "otherwise", "not_run", "reported"}, where)
    if "reported" in fields:
        if fields != {"reported": True}:
            raise _wrong(where, "reported: true alone, or bounds", dict(fields))
        return None
    texts = {name: _text(fields[name], f"{where}.{name}") for name in ("pass", "warn") if name in fields}
    if "pass" not in texts:
        raise _wrong(f"{where}.pass", "a bound such as 'value >= 0.9'", None)
    try:
        bounds = {name: parse_bounds(text) for name, text in texts.items()}
    except ValueError as error:
        msg = f"{where}: {error}"
        raise QualityError(msg) from error
    otherwise = fields.get("otherwise", "FAIL")
    if otherwise not in _OTHERWISE:
        raise _wrong(f"{where}.otherwise", f"one of {', '.join(_OTHERWISE)}", otherwise)
    return Judgement(
        passes=bounds["pass"],
        warns=bounds.get("warn", ()),
        otherwise=_OTHERWISE[otherwise],
        not_run=_not_run(fields.get("not_run", "FAIL"), f"{where}.not_run"),
        texts=texts,
    )


def _not_run(value: Any, where: str) -> dict[Origin, Verdict | None]:
    by_origin = value if isinstance(value, dict) else {origin.value: value for origin in Origin}
    if set(by_origin) != {origin.value for origin in Origin} or not all(
        isinstance(each, str) and each in _NOT_RUN for each in by_origin.values()
    ):
        origins = ", ".join(origin.value for origin in Origin)
        raise _wrong(where, f"one of {', '.join(_NOT_RUN)}, or one of these for each of {origins}", value)
    return {origin: _NOT_RUN[by_origin[origin.value]] for origin in Origin}


def _mapping(value: Any, where: str) -> dict[str, Any]:
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return value
    raise _wrong(where, "a mapping", value)


def _text(value: Any, where: str) -> str:
    if isinstance(value, str) and value.strip():
        return " ".join(value.split())
    raise _wrong(where, "a text", value)


def _known(fields: Mapping[Any, Any], known: set[str], where: str) -> None:
    if unknown := sorted(str(name) for name in fields if name not in known):
        msg = f"{where} has unknown fields: {', '.join(unknown)[:200]}; it may have {', '.join(sorted(known))}"
        raise QualityError(msg)


def _wrong(where: str, expected: str, value: Any) -> QualityError:
    return QualityError(f"{where} must be {expected}, got {str(value)[:200]!r}")
