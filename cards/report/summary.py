"""The first screen: the verdict, what was checked, what was not, what to beware of."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from ...quality.scores import Verdict
from ..pages import text
from .words import anchor, badge, capital, meaning, section_title, sentence, told, tone

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .document import Judged

__all__ = ["cautions", "summary"]

_MOST: Final = 8
_ORDER: Final = (Verdict.INVALID, Verdict.FAIL, Verdict.WARN)


def summary(judged: Judged, *, synthetic: bool) -> str:
    """HTML of the first screen."""
    columns = "".join((_checked(judged), _unchecked(judged), _beware(judged, synthetic=synthetic)))
    return f"""\
<section aria-label="Summary">
<div class="lead {tone(judged.verdict)}"><span class="word">{told(judged.verdict)}</span>
<p>{text(meaning(judged))} <span class="faint">{text(judged.summary)}</span></p></div>
<div class="cards">{columns}</div>
</section>"""


def cautions(*, synthetic: bool) -> tuple[str, ...]:
    """What no check can take away."""
    if not synthetic:
        return ("Real people are shown here: their consent and the terms of the data hold, whatever the checks say.",)
    return (
        "The volumes are synthetic. They show no patient, and are not for clinical use.",
        "A passed check says that a fault of its kind was not found, not that there is none.",
        "Test what you train on them against real images of your own.",
    )


def _checked(judged: Judged) -> str:
    rows = []
    for section in judged.sections:
        run = [entry for entry in section.entries if entry.verdict not in {None, Verdict.NOT_RUN}]
        if run:
            good = sum(entry.verdict is Verdict.PASS for entry in run)
            link = f'<a href="#{anchor(section)}">{text(section_title(section))}</a>'
            rows.append(f"<li>{badge(section.verdict)} {link}: {good} of {len(run)} checks passed</li>")
    return _card("What was checked", rows, "Nothing was checked.")


def _unchecked(judged: Judged) -> str:
    """What did not run, by section, those of which nothing ran first; each with its most frequent reason."""
    rows = []
    for section in sorted(judged.sections, key=lambda each: each.verdict is not Verdict.NOT_RUN):
        gone = [entry for entry in section.entries if entry.verdict is Verdict.NOT_RUN]
        if not gone and section.entries:
            continue
        reasons = Counter(entry.reason or entry.because for entry in gone)
        reason = reasons.most_common(1)[0][0] if reasons else "nothing was measured"
        more = f"; and {len(reasons) - 1} other reasons, below" if len(reasons) > 1 else ""
        count = f"{len(gone)} of {len(section.entries)} checks" if gone else "no check"
        link = f'<a href="#{anchor(section)}">{text(section_title(section))}</a>'
        rows.append(f"<li>{badge(Verdict.NOT_RUN)} {link}: {count}. {text(capital(reason))}{more}</li>")
    return _card("What was not checked", rows, "Every check of this profile ran.")


def _beware(judged: Judged, *, synthetic: bool) -> str:
    found = [entry for verdict in _ORDER for entry in judged.entries if entry.verdict is verdict]
    rows = [f"<li>{badge(entry.verdict)} {text(sentence(entry))}</li>" for entry in found]
    standing = [f"<li>{text(caution)}</li>" for caution in cautions(synthetic=synthetic)]
    return _card("What to beware of", _cut(rows), "", standing)


def _card(title: str, rows: Sequence[str], nothing: str, more: Iterable[str] = ()) -> str:
    every = "".join((*_cut(rows), *more))
    body = f"<ul>{every}</ul>" if every else f"<p>{nothing}</p>"
    return f'<div class="card"><h2>{title}</h2>{body}</div>'


def _cut(rows: Sequence[str]) -> list[str]:
    if len(rows) <= _MOST:
        return list(rows)
    return [*rows[: _MOST - 1], f"<li>and {len(rows) - _MOST + 1} more, below</li>"]
