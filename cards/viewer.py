"""A page to look through a data set: pictures and table values, in one file that needs no network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ..store.rows import MEASURED
from .pages import data_url, page, text
from .preview import preview_cohort

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ..store.cohort import Cohort

__all__ = ["viewer_page"]

_PANEL_HEIGHT: Final = 190
_MOST_CHOICES: Final = 20
"""Values of a category that can be picked from a list; of more, only the search helps."""


def viewer_page(
    cohort: Cohort,
    rows: Sequence[int],
    *,
    label_overlay: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> str:
    """The page of some rows of a cohort.

    Args:
        cohort: from `voxpress.open`.
        rows: positions; each is read once.
        label_overlay: outline and tint the labels.
        progress: told rows done and rows in all.

    Returns:
        HTML. Its script filters what the page has; its policy allows that very script and nothing else.

    Raises:
        IndexError: a row does not exist.
        CorruptError: the bytes of a volume are missing or wrong.
    """
    synthetic = cohort.manifest.synthetic
    chosen = cohort.select(list(rows))
    columns = ["sample_id", "split", *cohort.conditions, *cohort.measures]
    values = chosen.columns([name for name in columns if name in cohort.store.schema.names]).to_pylist()
    cards = []
    for place, row in enumerate(values):
        picture = preview_cohort(chosen, [place], captions=(), label_overlay=label_overlay, panel_height=_PANEL_HEIGHT)
        cards.append(_card(row, data_url(picture, form="JPEG", quality=82)))
        if progress is not None:
            progress(place + 1, len(values))
    title = f"{cohort.manifest.name} {cohort.manifest.version}"
    kind = "Synthetic data, not for clinical use" if synthetic else "Real data"
    body = f"""\
<header><h1>{text(title)}</h1>
<p class="faint">{kind}. {len(values):,} of {len(cohort):,} samples.</p></header>
<main>
<form id="filter" aria-label="Filter the samples" hidden>{_controls(values)}
<output id="count" aria-live="polite"></output></form>
<noscript><p>Filtering needs the script of this page, which your browser does not run.</p></noscript>
<ul id="samples">{"".join(cards)}</ul>
</main>"""
    return page(title, body, styles=("viewer.css",), script="viewer.js", synthetic=synthetic)


def _controls(values: Sequence[Mapping[str, Any]]) -> str:
    """A search, a list of each category, and two ends of each number."""
    parts = ['<label>Search <input type="search" name="search" autocomplete="off"></label>']
    more: list[str] = []
    for name in values[0] if values else ():
        there = [row[name] for row in values if row[name] is not None]
        if name == "sample_id" or not there:
            continue
        if all(isinstance(value, int | float) for value in there):
            (more if name.startswith(MEASURED) else parts).append(_ends(name, min(there), max(there)))
        elif len(choices := sorted({str(value) for value in there})) <= _MOST_CHOICES:
            parts.append(_choice(name, choices))
    if more:
        parts.append(f"<details><summary>What was measured</summary><div>{''.join(more)}</div></details>")
    return "".join(parts)


def _choice(name: str, choices: Sequence[str]) -> str:
    options = "".join(f'<option value="{text(value)}">{text(value)}</option>' for value in choices)
    every = '<option value="">all</option>'
    return f'<label>{_words(name)} <select data-name="{text(name)}">{every}{options}</select></label>'


def _ends(name: str, low: float, high: float) -> str:
    inputs = "".join(
        f'<input type="number" step="any" data-name="{text(name)}" data-end="{end}" placeholder="{value:.4g}" '
        f'aria-label="{_words(name)} {word}">'
        for end, word, value in (("low", "from", low), ("high", "to", high))
    )
    return f"<fieldset><legend>{_words(name)}</legend>{inputs}</fieldset>"


def _card(row: Mapping[str, Any], url: str) -> str:
    """One sample; its values are attributes of `data` elements, where the script reads them."""
    name = text(row["sample_id"])
    facts = "".join(_fact(key, value) for key, value in row.items() if key != "sample_id")
    alt = f"Axial, coronal and sagittal plane of sample {name}"
    return f'<li class="sample"><h2>{name}</h2><img loading="lazy" src="{url}" alt="{alt}"><dl>{facts}</dl></li>'


def _fact(key: str, value: object) -> str:
    told = f'<data value="{text(_plain(value))}" data-name="{text(key)}">{text(_shown(value))}</data>'
    return f"<div><dt>{_words(key)}</dt><dd>{told}</dd></div>"


def _plain(value: object) -> str:
    return "" if value is None else repr(value) if isinstance(value, float) else str(value)


def _shown(value: object) -> str:
    if value is None:
        return "not known"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _words(name: str) -> str:
    return text(name.replace("_", " "))
