"""Sections of a card that the manifest alone tells: how to load it, what is in it, which files it has."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from ..markdown import table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...store.arrays import ArraySpec
    from ...store.manifest import Manifest

__all__ = ["contents", "files", "filled_splits", "literal", "loading", "sample_count"]


def filled_splits(manifest: Manifest) -> list[str]:
    """Splits that have rows: the Hub refuses a split whose pattern matches no file."""
    return [split for split in manifest.split_names if manifest.splits[split].samples]


def sample_count(manifest: Manifest) -> int:
    """Samples of all splits."""
    return sum(split.samples for split in manifest.splits.values())


def literal(path: str) -> str:
    """A path as Python and Markdown can show it."""
    printable = "".join(character for character in path if character.isprintable() and character != "`")
    return repr(printable)


def loading(manifest: Manifest, path: str) -> str:
    """How to load it, with and without voxpress.

    Args:
        manifest: of the data set.
        path: where it is, or will be.
    """
    split = next(iter(filled_splits(manifest)), "train")
    name = literal(path)
    return textwrap.dedent(f"""\
        ## Load it

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


def contents(manifest: Manifest) -> str:
    """Splits, arrays, where their voxels are, and their labels."""
    arrays = table(
        ("array", "kind", "voxels", "spacing (mm)", "stored as", "values"), map(_array_row, _specs(manifest))
    )
    return "\n\n".join(["## What is in it", _splits(manifest), arrays, _affines(manifest), *_labels(manifest)])


def files(manifest: Manifest) -> str:
    """How much there is, and how to see that it is whole."""
    size = sum(record.bytes for record in manifest.files.values())
    tables = [
        (path, f"{manifest.files[path].bytes:,}", manifest.files[path].sha256)
        for split in manifest.split_names
        for path in manifest.metadata_files(split)[:2]
    ]
    told = (
        f"{len(manifest.files):,} files, {size:,} bytes. `voxpress.json` lists each with its size and SHA-256; "
        f"`voxpress verify` holds them against it.\nIts own SHA-256 is `{manifest.digest}`."
    )
    return "\n\n".join(("### Files and checksums", told, table(("file", "bytes", "SHA-256"), tables)))


def _specs(manifest: Manifest) -> Sequence[ArraySpec]:
    return list(manifest.specs.values())


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
