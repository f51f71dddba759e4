"""Scores become verdicts, each with a sentence that says why. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ..score_json import score_to_json
from ..scores import Verdict, not_run
from .bounds import WORDS, bounds_text, statistic_of
from .origin import Origin
from .profile import SECTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ..scores import Score
    from .bounds import Bound
    from .profile import Judgement, Profile, Rule

__all__ = ["Entry", "Judged", "judge", "worst"]

_RANK: Final = {Verdict.PASS: 1, Verdict.WARN: 2, Verdict.FAIL: 3, Verdict.INVALID: 4}
_COMMANDS: Final = {
    "samples": "run `voxpress qa`",
    "set": "run `voxpress qa` with a reference",
    "conditions": "run `voxpress gate`",
    "audit": "run `voxpress audit` with the training set and a holdout",
    "release": "run `voxpress gate`",
}
_MOST_NAMED: Final = 4
_NOT_TRAINED: Final = (
    "what made this data set is declared as an algorithm that was not trained (algorithmicMedia): there is no "
    "training set of patients that it could have copied"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One score as it was judged.

    Attributes:
        score: what was measured, or why it was not.
        verdict: None for a score that is reported and not judged.
        counts_as: what it adds to the verdict of the whole; None for nothing.
        because: one sentence.
        rule: id of the rule that judged it; empty for none.
        asks: the question of that rule.
    """

    score: Score
    verdict: Verdict | None
    counts_as: Verdict | None
    because: str
    rule: str = ""
    asks: str = ""

    def to_json(self) -> dict[str, Any]:
        """For the report."""
        judged = {
            "verdict": self.verdict and self.verdict.value,
            "counts_as": self.counts_as and self.counts_as.value,
            "because": self.because,
            "rule": self.rule,
            "asks": self.asks,
        }
        return score_to_json(self.score) | judged


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A data set as it was judged.

    Attributes:
        profile: by which.
        origin: of the data set.
        sections: name → its entries.
    """

    profile: Profile
    origin: Origin
    sections: Mapping[str, tuple[Entry, ...]]

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Of all sections."""
        return tuple(entry for section in self.sections.values() for entry in section)

    @property
    def verdict(self) -> Verdict:
        """The worst of all that counts; NOT_RUN if nothing does."""
        return worst(self.entries)

    @property
    def summary(self) -> str:
        """One sentence for people: what failed, and how many did not."""
        parts = [f"{self.verdict} by the profile {self.profile.name!r}"]
        for verdict, word in ((Verdict.INVALID, "invalid"), (Verdict.FAIL, "failed"), (Verdict.WARN, "warned")):
            counted = [entry for entry in self.entries if entry.counts_as == verdict]
            lacking = [entry.score.id for entry in counted if entry.verdict == Verdict.NOT_RUN]
            parts += _named([entry.score.id for entry in counted if entry.verdict != Verdict.NOT_RUN], word)
            parts += _named(lacking, f"not run, which counts as {verdict}")
        passed = sum(entry.verdict == Verdict.PASS for entry in self.entries)
        missing = sum(entry.verdict == Verdict.NOT_RUN and entry.counts_as is None for entry in self.entries)
        return "; ".join([*parts, f"{passed} passed", f"{missing} not run, which count for nothing"]) + "."


def _named(ids: Sequence[str], what: str) -> list[str]:
    """So many, and which; nothing of none."""
    if not ids:
        return []
    more = f" and {len(ids) - _MOST_NAMED} more" if len(ids) > _MOST_NAMED else ""
    return [f"{len(ids)} {what} ({', '.join(ids[:_MOST_NAMED])}{more})"]


def worst(entries: Iterable[Entry]) -> Verdict:
    """The verdict of several: the worst that counts; NOT_RUN if none does."""
    counted = [entry.counts_as for entry in entries if entry.counts_as is not None]
    return max(counted, key=_RANK.__getitem__, default=Verdict.NOT_RUN)


def judge(
    scores: Iterable[Score],
    profile: Profile,
    *,
    origin: Origin,
    measured: Iterable[str],
    missing: Mapping[str, str] | None = None,
) -> Judged:
    """Judge a data set.

    What a rule asks for and nobody measured is NOT_RUN as well, so that leaving out a check is never a way to pass.

    Args:
        scores: of all parts.
        profile: the rules.
        origin: of the data set: what has learnt from nobody cannot have memorised anybody.
        measured: sections that were measured; of these, patterns and optional rules without a score are no lack.
        missing: section → why it was not measured, where there is more to say than that it was not.

    Raises:
        ValueError: two scores have the same id, or one belongs to no section.
    """
    scores, measured = list(scores), set(measured)
    _check_ids(scores)
    found: dict[str, list[Entry]] = {name: [] for name in SECTIONS}
    used = set()
    for score in scores:
        rule = profile.rule_for(score.id)
        used.add("" if rule is None else rule.id)
        found[score.id.partition(".")[0]].append(_entry(score, rule, origin))
    for rule in profile.rules:
        if rule.judgement is None or rule.id in used:
            continue
        if rule.section in measured and (rule.optional or rule.is_pattern):
            continue
        reason = (missing or {}).get(rule.section) or _why_missing(rule, origin, measured=rule.section in measured)
        found[rule.section].append(_entry(not_run(rule.id, reason), rule, origin))
    return Judged(profile=profile, origin=origin, sections={name: tuple(each) for name, each in found.items()})


def _check_ids(scores: Sequence[Score]) -> None:
    ids = [score.id for score in scores]
    if len(set(ids)) < len(ids):
        twice = next(name for name in ids if ids.count(name) > 1)
        msg = f"the score {twice!r} was measured twice; each id must be of one part"
        raise ValueError(msg)
    if strange := [name for name in ids if name.partition(".")[0] not in SECTIONS]:
        msg = f"the id of a score must begin with one of {', '.join(SECTIONS)}, got {strange[0]!r}"
        raise ValueError(msg)


def _why_missing(rule: Rule, origin: Origin, *, measured: bool) -> str:
    if rule.section == "audit" and origin is Origin.PROCEDURAL:
        return _NOT_TRAINED
    what = "this figure is not among those that were measured" if measured else "nobody has measured it"
    return f"{what}; {_COMMANDS[rule.section]}"


def _entry(score: Score, rule: Rule | None, origin: Origin) -> Entry:
    if rule is None or rule.judgement is None:
        because = score.reason or "It is reported, and not judged by this profile."
        verdict = Verdict.NOT_RUN if score.value is None else None
        about = ("", "") if rule is None else (rule.id, rule.asks)
        return Entry(score=score, verdict=verdict, counts_as=None, because=because, rule=about[0], asks=about[1])
    verdict, because = _judged(score, rule.judgement)
    counts = rule.judgement.not_run[origin] if verdict == Verdict.NOT_RUN else verdict
    if verdict == Verdict.NOT_RUN:
        if rule.section == "audit" and origin is Origin.PROCEDURAL:
            because = _NOT_TRAINED
        because = f"It was not run: {because}" + ("." if counts is None else f"; this profile counts that as {counts}.")
    return Entry(score=score, verdict=verdict, counts_as=counts, because=because, rule=rule.id, asks=rule.asks)


def _judged(score: Score, judgement: Judgement) -> tuple[Verdict, str]:
    if score.value is None:
        return Verdict.NOT_RUN, score.reason
    passes = [bound.holds(score) for bound in judgement.passes]
    warns = [bound.holds(score) for bound in judgement.warns]
    if all(each is None for each in [*passes, *warns]):
        lacking = WORDS[judgement.passes[0].statistic]
        return Verdict.NOT_RUN, f"{lacking} is judged, and there is none without an interval or a floor above 0"
    verdict = Verdict.PASS if any(passes) else Verdict.WARN if any(warns) else judgement.otherwise
    return verdict, _sentence(score, judgement, verdict)


def _sentence(score: Score, judgement: Judgement, verdict: Verdict) -> str:
    found = ", ".join(_found(score, [*judgement.passes, *judgement.warns]))
    asked = f"asked for is {bounds_text(judgement.passes)}"
    if judgement.warns and verdict != Verdict.PASS:
        asked += f", and let through with a warning {bounds_text(judgement.warns)}"
    return f"{found[:1].upper()}{found[1:]}; {asked}."


def _found(score: Score, bounds: Sequence[Bound]) -> list[str]:
    """What the bounds look at, in words, each once; the value first."""
    told = []
    for name in dict.fromkeys(("value", *(bound.statistic for bound in bounds))):
        number = statistic_of(score, name)
        if number is not None and not (name == "magnitude" and number == score.value):
            told.append(f"{WORDS[name]} is {number:.4g}{f' {score.unit}' if score.unit and name == 'value' else ''}")
    return told
