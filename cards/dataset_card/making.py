"""Sections of a card about where the data come from, and under which terms they may be used."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ..licences import sources_of
from ..markdown import escape, table
from ..notices import NOTICES

if TYPE_CHECKING:
    from ...store.manifest import Manifest
    from .facts import CardFacts

__all__ = [
    "backend_of",
    "changes",
    "citation",
    "citation_text",
    "is_imported",
    "licence",
    "limits",
    "making",
    "summary",
]

_NO_LICENCE: Final = """\
The publisher has not chosen a licence yet. Before you publish, replace `license`, `license_name` and this paragraph;
name the licence of whatever the backend was made from."""


def backend_of(manifest: Manifest, facts: CardFacts) -> str:
    """Name of what made the voxels; empty if nothing says."""
    return facts.backend or str(manifest.lock.get("backend", {}).get("name", ""))


def summary(manifest: Manifest, facts: CardFacts, samples: int) -> str:
    """What the data are, in the first lines."""
    what = _origin(manifest, facts, samples)
    return (
        f"{what}\n\nVersion {escape(manifest.version)}. The manifest `voxpress.json` holds the size and SHA-256 of "
        f"every file; the\nSHA-256 of the manifest itself, `{manifest.digest}`, identifies this version."
    )


def _origin(manifest: Manifest, facts: CardFacts, samples: int) -> str:
    if not manifest.synthetic:
        return (
            f"**The {samples:,} samples of this data set are scans of real people. They are not for\nclinical use.** "
            "Who may have them, and for what, is for whoever took them to say."
        )
    backend = backend_of(manifest, facts)
    made = f"the backend `{backend}` of voxpress" if backend.isidentifier() else "voxpress"
    whence = f"They were made by {made} from the order in `recipe.yaml`."
    return (
        f"**All {samples:,} samples of this data set are synthetic. They show no real person, and they are\n"
        f"not for clinical use.** {'Whoever imported them says so.' if is_imported(manifest) else whence}"
    )


def is_imported(manifest: Manifest) -> bool:
    """Whether the volumes were made elsewhere, so that no recipe makes them again."""
    return "imported" in manifest.lock


def making(manifest: Manifest) -> str:
    """The generator, what it was made from, and the lock: all that decides the voxels."""
    rows = [(f"{group}.{name}", value) for group, values in manifest.lock.items() for name, value in values.items()]
    parts = ["## How it was made"]
    if manifest.synthetic and not is_imported(manifest):
        parts.append(
            "A sample is a function of the recipe, its index, and the attempt (columns `index`, `attempt`, `seed`). "
            "With the same\nversions as in the lock, `voxpress regenerate` makes the same bytes again:"
        )
        parts.append("```console\nvoxpress regenerate path/to/a/copy -o made-again\n```")
    if sources := sources_of(manifest.lock):
        parts.append(table(("made from", "licence"), [(each.what, each.licence) for each in sources]))
    if rows:
        parts.append(table(("lock", "value"), rows))
    return "\n\n".join(parts)


def limits(manifest: Manifest) -> str:
    """What the data are not."""
    if not manifest.synthetic:
        points = ["Not anonymous by being here: a scan can show who somebody is. Keep it where its consent says."]
    else:
        points = [
            "Not patients: nothing here supports a statement about a person, a disease or a population.",
            "Not a substitute for real data: test what you train on it against real images of your own.",
            "A condition is what was ordered. What a volume shows is the measure of the same name, where there is one.",
        ]
        if not is_imported(manifest) and any(spec.kind == "label" for spec in manifest.specs.values()):
            points.append("The label maps come from the generator; no expert has drawn or corrected them.")
    return "\n".join(("## What it is not\n", *(f"- {point}" for point in points)))


def changes(facts: CardFacts) -> str:
    """What changed since the version before; empty if there is none."""
    if not facts.changes:
        return ""
    return f"## Changes\n\nSince the version before; [CHANGELOG.md](CHANGELOG.md) has all:\n\n{facts.changes}"


def citation(manifest: Manifest, facts: CardFacts) -> str:
    """The section that says how to cite it."""
    return f"## Cite it\n\n```bibtex\n{citation_text(manifest, facts)}\n```"


def citation_text(manifest: Manifest, facts: CardFacts) -> str:
    """BibTeX of this very version: its digest stands in it."""
    key = re.sub(r"[^A-Za-z0-9]+", "-", f"{manifest.name}-{manifest.version}")
    kind = "Synthetic data set" if manifest.synthetic else "Data set"
    named = re.fullmatch(r"[\w.-]+/[\w.-]+", facts.repository)
    where = f"  howpublished = {{https://huggingface.co/datasets/{facts.repository}}},\n" if named else ""
    title, version = _plain(manifest.name), _plain(manifest.version)
    return (
        f"@misc{{{key},\n  title = {{{{{title}}}}},\n  version = {{{version}}},\n{where}"
        f"  note = {{{kind}, made with voxpress; manifest SHA-256 {manifest.digest}}}\n}}"
    )


def licence(manifest: Manifest, facts: CardFacts) -> str:
    """The licence, and every notice that has to stay with the data."""
    notice = NOTICES.get(backend_of(manifest, facts))
    name, link = facts.licence
    if not name and notice is None:
        return f"## Licence\n\n{_NO_LICENCE}"
    where = f" ({escape(link)})" if link else ""
    own = [] if notice is not None and name in {"", notice.name} else [f"`{escape(name)}`{where}"]
    return "\n\n".join(("## Licence", *own, *([] if notice is None else [notice.text.strip()])))


def _plain(text: str) -> str:
    """A name of the manifest, which has no braces, as BibTeX takes it."""
    return text.replace("_", r"\_")
