"""The page of a report: pure, from values to text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ...quality.scores import Verdict
from ..charts import svg
from ..charts.axes import shown
from ..pages import page, text
from .drawing import chart_of, floor_chart
from .summary import summary
from .words import anchor, badge, capital, counted, number, section_title

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..charts import Chart
    from .document import Cell, Entry, Judged, Section, Table
    from .samples import Shown

__all__ = ["report_html"]

_MOST_NAMES: Final = 8
"""Of checks that were not run for one reason; more are folded."""


def report_html(judged: Judged, *, samples: Sequence[Shown] = (), synthetic: bool = True) -> str:
    """The whole page.

    Args:
        judged: the report.
        samples: pictures of samples with what they are examples of.
        synthetic: whether the data are; real data are not called synthetic.

    Returns:
        HTML that needs nothing beside itself: no script, no network.
    """
    name = f"{judged.name} {judged.version}".strip() or "a data set"
    kind = "synthetic data, not for clinical use" if synthetic else "real data"
    body = [
        f'<header><h1>Quality report: {text(name)}</h1><p class="faint">{kind}</p></header>',
        "<main>",
        summary(judged, synthetic=synthetic),
        _contents(judged, samples),
        _pictures(samples),
        *map(_section, judged.sections),
        _about(judged),
        "</main>",
    ]
    return page(f"Quality report: {name}", "\n".join(body), styles=("report.css",), synthetic=synthetic)


def _contents(judged: Judged, samples: Sequence[Shown]) -> str:
    links = [('<a href="#pictures">Pictures</a>')] if samples else []
    links += [f'<a href="#{anchor(section)}">{text(section_title(section))}</a>' for section in judged.sections]
    return f'<nav aria-label="Contents">{"".join(links)} <a href="#about">How to read it</a></nav>'


def _pictures(samples: Sequence[Shown]) -> str:
    if not samples:
        return ""
    figures = "".join(
        f'<figure><figcaption>{text(each.title)}</figcaption><p class="small faint">{text(each.why)}</p>'
        f'<img src="{each.url}" alt="{text(each.alt)}"></figure>'
        for each in samples
    )
    return f'<section id="pictures"><h2>Pictures</h2><div class="figures pictures">{figures}</div></section>'


def _section(section: Section) -> str:
    chart = floor_chart(section.entries)
    figures = [_figure(chart, wide=True)] if chart else []
    missing = []
    for name, figure in section.figures.items():
        drawn = chart_of(name, figure)
        if drawn is None:
            missing.append(name)
        else:
            figures.append(_figure(drawn))
    note = f'<p class="faint small">Not drawn: {text(", ".join(missing))}.</p>' if missing else ""
    parts = [
        f'<section id="{anchor(section)}"><h2>{text(section_title(section))} {badge(section.verdict)}</h2>',
        _entries(section.entries),
        f'<div class="figures">{"".join(figures)}</div>' if figures else "",
        note,
        *(_table(name, table) for name, table in section.tables.items()),
        "</section>",
    ]
    return "\n".join(part for part in parts if part)


def _entries(entries: Sequence[Entry]) -> str:
    """What was judged, then what was not run, then what is only told."""
    judged = [entry for entry in entries if entry.verdict not in {None, Verdict.NOT_RUN}]
    told = [entry for entry in entries if entry.verdict is None]
    parts = [_scores(judged, "Judged")] if judged else ["<p>Nothing was judged.</p>"]
    parts += [_gone([entry for entry in entries if entry.verdict is Verdict.NOT_RUN])]
    if told:
        title = f"<summary>{len(told)} more figures, told and not judged</summary>"
        parts.append(f"<details>{title}{_scores(told, 'Told')}</details>")
    return "".join(parts)


def _scores(entries: Sequence[Entry], title: str) -> str:
    titles = ("Verdict", "Check", "Value", "Floor", "Counted", "Why")
    head = "".join(f'<th scope="col"{_kind(each in {"Value", "Floor"})}>{each}</th>' for each in titles)
    rows = "".join(map(_entry, entries))
    caption = (
        f"<caption>{title}: values with 95 % intervals; the floor is the same between two halves of real data</caption>"
    )
    whole = f'<table class="entries">{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
    return f'<div class="scroll">{whole}</div>'


def _gone(entries: Sequence[Entry]) -> str:
    """What was not run, that with the same reason together."""
    reasons: dict[str, list[Entry]] = {}
    for entry in entries:
        reasons.setdefault(entry.reason or entry.because, []).append(entry)
    rows = "".join(
        f'<li>{badge(Verdict.NOT_RUN)} {text(capital(reason))}<br><span class="small">{_names(each)}</span></li>'
        for reason, each in reasons.items()
    )
    return f'<ul class="gone">{rows}</ul>' if rows else ""


def _names(entries: Sequence[Entry]) -> str:
    names = ", ".join(f"<code>{text(entry.id)}</code>" for entry in entries)
    if len(entries) <= _MOST_NAMES:
        return names
    return f"<details><summary>{len(entries)} checks</summary>{names}</details>"


def _entry(entry: Entry) -> str:
    features = f"<code>features: {text(entry.feature_id)}</code>" if entry.feature_id else ""
    value = number(entry.value, entry.interval, entry.unit) or '<span class="faint">none</span>'
    why = entry.because or entry.reason
    cells = [
        f"<td>{badge(entry.verdict)}</td>",
        f'<td class="what">{text(entry.asks or entry.id)}<code>{text(entry.id)}</code>{features}</td>',
        f'<td class="number">{value}</td>',
        f'<td class="number">{number(entry.floor, entry.floor_interval)}</td>',
        f'<td class="small">{text(counted(entry.n))}</td>',
        f'<td class="small why">{text(why)}</td>',
    ]
    return f"<tr>{''.join(cells)}</tr>"


def _figure(chart: Chart, *, wide: bool = False) -> str:
    return f"<figure{' class=wide' if wide else ''}><figcaption>{text(chart.title)}</figcaption>{svg(chart)}</figure>"


def _table(name: str, table: Table) -> str:
    if not table.rows:
        return f'<p class="faint small">{text(capital(_words(name)))}: none.</p>'
    numeric = [_is_number(row) for row in zip(*table.rows, strict=True)] or [False] * len(table.columns)
    classes = [_kind(each) for each in numeric]
    head = "".join(
        f'<th scope="col"{kind}>{text(_words(column))}</th>'
        for column, kind in zip(table.columns, classes, strict=True)
    )
    rows = "".join(
        "<tr>" + "".join(f"<td{kind}>{_shown(cell)}</td>" for cell, kind in zip(row, classes, strict=True)) + "</tr>"
        for row in table.rows
    )
    whole = f"<table><caption>{text(_words(name))}</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    whole = f'<div class="scroll">{whole}</div>'
    return (
        whole
        if len(table.rows) <= 40
        else f"<details><summary>{text(_words(name))}: {len(table.rows)} rows</summary>{whole}</details>"
    )


def _kind(number: bool) -> str:  # noqa: FBT001
    return ' class="number"' if number else ""


def _is_number(cells: Sequence[Cell]) -> bool:
    return all(cell is None or (isinstance(cell, int | float) and not isinstance(cell, bool)) for cell in cells)


def _shown(cell: Cell) -> str:
    if cell is None:
        return '<span class="faint">none</span>'
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return text(shown(cell)) if isinstance(cell, int | float) else text(cell)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _about(judged: Judged) -> str:
    facts: Mapping[str, str] = {
        "data set": f"{judged.name} {judged.version}",
        "manifest (SHA-256)": judged.manifest_sha256,
        "this report (digest)": judged.digest,
        "profile": f"{judged.profile}: {judged.about}" if judged.about else judged.profile,
        **judged.facts,
    }
    rows = "".join(f"<dt>{text(_words(name))}</dt><dd>{text(value)}</dd>" for name, value in facts.items())
    return f"""\
<section id="about"><h2>How to read it</h2>
<ul>
<li><strong>PASS</strong>, <strong>WARN</strong> and <strong>FAIL</strong> hold a value against the rule beside it, from
the profile of thresholds that the publisher chose.</li>
<li><strong>NOT RUN</strong> is no verdict: the check could not run, and nothing is known.</li>
<li><strong>INVALID</strong>: a check was shown not to find what it must find, so its result counts for nothing.</li>
<li>A <strong>floor</strong> is the same score between two halves of real data: no generator can be expected below it.
Numbers of different feature ids do not compare.</li>
<li>A name with dots, such as <code>set.kid.random_conv</code>, is the same check in every report.</li>
</ul>
<dl>{rows}</dl>
<p class="faint small">The numbers of this page are in <code>quality/report.json</code>. If the digest above is not
that of <code>voxpress.json</code> beside it, the report is of another version of the data.</p></section>"""
