"""The `README.md` of a data set: what it is, for people, and which files are its splits, for the Hub."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any, Final

import yaml

from .markdown import escape, table
from .notices import NOTICES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..generation.backend import Condition, Measure
    from ..store.arrays import ArraySpec
    from ..store.manifest import Manifest
    from .notices import Notice

__all__ = ["SIZES", "card_header", "dataset_card", "filled_splits", "literal", "sample_count"]

SIZES: Final = (
    (1_000_000, "1M<n<10M"),
    (100_000, "100K<n<1M"),
    (10_000, "10K<n<100K"),
    (1_000, "1K<n<10K"),
    (0, "n<1K"),
)
"""The Hub's categories, each with its lower end."""

_NO_NOTICE = """\
The publisher has not chosen a licence yet. Before you publish, replace `license`, `license_name` and this paragraph;
name the licence of whatever the backend was made from."""


def dataset_card(
    manifest: Manifest,
    *,
    repository: str = "",
    backend: str = "",
    conditions: Sequence[Condition] = (),
    measures: Sequence[Measure] = (),
    changes: str = "",
) -> str:
    """Text of the card: a YAML header that the Hub and `datasets` read, then Markdown.

    A pure function: the same data set has the same card.

    Args:
        manifest: of the data set.
        repository: `org/name` on the Hub, if it is known, for the examples.
        backend: its name; that of the lock if empty.
        conditions: what could be ordered, with unit and meaning.
        measures: what was measured.
        changes: since the version before, as `changelog.change_points` tells them; there is then a `CHANGELOG.md`.

    Returns:
        UTF-8 text, ending with a newline.
    """
    backend = backend or str(manifest.lock.get("backend", {}).get("name", ""))
    notice = NOTICES.get(backend)
    parts = [
        card_header(_header(manifest, notice)),
        f"# {escape(manifest.name)}",
        _summary(manifest, backend),
        "## Load it",
        _examples(manifest, repository or f"path/to/{manifest.name}"),
        "## What is in it",
        _splits(manifest),
        table(("array", "kind", "voxels", "spacing (mm)", "stored as", "values"), map(_array_row, _specs(manifest))),
        _affines(manifest),
        *_labels(manifest),
        *_columns(conditions, measures),
        "## What it is not",
        _limits(manifest),
        *_changes(changes),
        "## Licence",
        _NO_NOTICE if notice is None else notice.text,
    ]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _header(manifest: Manifest, notice: Notice | None) -> dict[str, Any]:
    files = [{"split": split, "path": f"metadata/{split}-*.parquet"} for split in filled_splits(manifest)]
    return {
        "pretty_name": manifest.name,
        "license": "other",
        "license_name": "to-be-chosen" if notice is None else notice.name,
        **({} if notice is None else {"license_link": notice.link}),
        "tags": [*(["synthetic"] if manifest.synthetic else []), "medical", "3d", "zarr", "voxpress"],
        "size_categories": [next(name for lower, name in SIZES if sample_count(manifest) >= lower)],
        **({"annotations_creators": ["machine-generated"]} if manifest.synthetic else {}),
        "configs": [{"config_name": "default", "default": True, "data_files": files}],
    }


def card_header(header: dict[str, Any]) -> str:
    """The YAML between two lines of dashes at the top of a card."""
    return f"---\n{yaml.safe_dump(header, sort_keys=False, allow_unicode=True, width=120)}---"


def filled_splits(manifest: Manifest) -> list[str]:
    """Splits that have rows: the Hub refuses a split whose pattern matches no file."""
    return [split for split in manifest.split_names if manifest.splits[split].samples]


def sample_count(manifest: Manifest) -> int:
    """Samples of all splits."""
    return sum(split.samples for split in manifest.splits.values())


def _specs(manifest: Manifest) -> Sequence[ArraySpec]:
    return list(manifest.specs.values())


def _summary(manifest: Manifest, backend: str) -> str:
    version = textwrap.dedent(f"""\
        Version {escape(manifest.version)}. The manifest `voxpress.json` holds the size and SHA-256 of every file; the
        SHA-256 of the manifest itself, `{manifest.digest}`, identifies this version.""")
    return f"{_origin(manifest, backend)}\n\n{version}"


def _origin(manifest: Manifest, backend: str) -> str:
    if not manifest.synthetic:
        return textwrap.dedent(f"""\
            **The {sample_count(manifest):,} samples of this data set are scans of real people. They are not for
            clinical use.** Who may have them, and for what, is for whoever took them to say.""")
    if "imported" in manifest.lock:
        return textwrap.dedent(f"""\
            **All {sample_count(manifest):,} samples of this data set are synthetic. They show no real person, and they
            are not for clinical use.** Whoever imported them says so.""")
    made = f"the backend `{backend}` of voxpress" if backend.isidentifier() else "voxpress"
    return textwrap.dedent(f"""\
        **All {sample_count(manifest):,} samples of this data set are synthetic. They show no real person, and they are
        not for clinical use.** They were made by {made} from the order in `recipe.yaml`.""")


def _examples(manifest: Manifest, path: str) -> str:
    split = next(iter(filled_splits(manifest)), "train")
    name = literal(path)
    return textwrap.dedent(f"""\
        The table (one row a sample) opens with `datasets` alone; `image` then says where the voxels are:

        ```python
        from datasets import load_dataset

        rows = load_dataset({name}, split={split!r})
        ```

        Where voxpress is installed, the volumes come too, each read when it is used:

        ```python
        import voxpress

        rows = voxpress.load_dataset({name}, split={split!r})
        rows[0]["image"].numpy()                     # (x, y, z)

        cohort = voxpress.open("path/to/a/copy")     # a folder on this machine
        cohort[0]["image"]
        ```

        The volumes are plain Zarr v3: any reader of it opens `volumes/{split}.zarr`.""")


def literal(path: str) -> str:
    """A path as Python and Markdown can show it."""
    printable = "".join(character for character in path if character.isprintable() and character != "`")
    return repr(printable)


def _splits(manifest: Manifest) -> str:
    rows = [(name, f"{manifest.splits[name].samples:,}") for name in manifest.split_names]
    missing = len(manifest.rejected)
    note = (
        f"\n\nPlanned samples that are missing, as no attempt at them passed the checks: {missing:,}."
        if missing
        else ""
    )
    return table(("split", "samples"), rows) + note


def _array_row(spec: ArraySpec) -> tuple[object, ...]:
    shape = " x ".join(map(str, spec.shape))
    spacing = " x ".join(f"{size:g}" for size in spec.spacing_mm)
    unit = f", {spec.unit}" if spec.unit else ""
    values = "label values, below" if spec.labels is not None else f"stored x {spec.scale:.6g} + {spec.offset:g}{unit}"
    return spec.name, spec.kind, shape, spacing, spec.dtype, values


def _affines(manifest: Manifest) -> str:
    rows = [f"{spec.name}: {[list(row) for row in spec.affine]}" for spec in _specs(manifest)]
    axes = "Axes are (sample, x, y, z). The affines lead from voxel index (x, y, z) to millimetres, RAS+:"
    return "\n".join((f"{axes}\n\n```", *rows, "```"))


def _labels(manifest: Manifest) -> list[str]:
    named = [
        (spec.name, value, name) for spec in _specs(manifest) for value, name in sorted((spec.labels or {}).items())
    ]
    return [table(("array", "value", "label"), named)] if named else []


def _columns(conditions: Sequence[Condition], measures: Sequence[Measure]) -> list[str]:
    parts = []
    if conditions:
        rows = [(c.name, c.unit or "", _range(c), c.meaning) for c in conditions]
        parts += ["### Conditions: what was ordered", table(("column", "unit", "can be", "meaning"), rows)]
    if measures:
        measured = [(f"measured_{m.name}", m.unit or "", m.meaning) for m in measures]
        parts += ["### Measures: what the volumes show", table(("column", "unit", "meaning"), measured)]
    return parts


def _range(condition: Condition) -> str:
    if condition.kind == "category":
        return ", ".join(condition.choices)
    ends = ["" if end is None else f"{end:g}" for end in (condition.minimum, condition.maximum)]
    return " to ".join(ends) if any(ends) else ""


def _changes(changes: str) -> list[str]:
    return (
        ["## Changes", f"Since the version before; [CHANGELOG.md](CHANGELOG.md) has all:\n\n{changes}"]
        if changes
        else []
    )


def _limits(manifest: Manifest) -> str:
    if not manifest.synthetic:
        return "- Not anonymous by being here: a scan can show who somebody is. Keep it where its consent says."
    points = [
        "Not patients: nothing here supports a statement about a person, a disease or a population.",
        "Not a substitute for real data: test what you train on it against real images of your own.",
        "A condition is what was ordered. What a volume shows is the measure of the same name, where there is one.",
    ]
    if "imported" not in manifest.lock and any(spec.kind == "label" for spec in _specs(manifest)):
        points.append("The label maps come from the generator; no expert has drawn or corrected them.")
    return "\n".join(f"- {point}" for point in points)
