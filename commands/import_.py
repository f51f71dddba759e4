"""`voxpress import`: NIfTI files become a data set."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from .console import Bar, MistakeError, note, printable, size

if TYPE_CHECKING:
    import argparse

    from ..builder.importing import Imported

__all__ = ["run"]

_MOST_LEFT_OUT = 20


def run(asked: argparse.Namespace) -> int:
    """Imports, and says what came of it."""
    from ..builder.importing import import_volumes, parse_columns, parse_window

    bars: dict[str, Bar] = {}

    def tell(doing: str, done: int, total: int) -> None:
        if doing not in bars:
            for bar in bars.values():
                bar.__exit__(None, None, None)
            bars[doing] = Bar(doing, unit=" files" if doing == "reading" else " samples")
        bars[doing].tell(done, total)

    try:
        done = import_volumes(
            asked.folder,
            asked.output,
            synthetic=asked.synthetic,
            name=asked.name,
            table=asked.table,
            skip_unmatched=asked.skip_unmatched,
            skip_bad=asked.skip_bad,
            workers=asked.workers,
            progress=tell,
            version=asked.version,
            key=asked.key,
            columns=parse_columns(asked.columns),
            split=asked.split,
            files=asked.files,
            suffix=asked.suffix,
            labels=asked.labels,
            label_names=_label_names(asked.label_names),
            grid=asked.grid,
            dtype=asked.dtype,
            window=parse_window(asked.window),
            background=asked.background,
            affine=asked.affine,
            unit=asked.unit,
            digital_source_type=asked.digital_source_type,
            shard_samples=asked.shard_samples,
        )
    finally:
        for bar in bars.values():
            bar.__exit__(None, None, None)
    _report(done, asked.output)
    return 0


def _label_names(file: str | None) -> dict[int, str]:
    """Value → name, of a table as BIDS has it in dseg.tsv."""
    from ..store.sheets import read_sheet

    if file is None:
        return {}
    sheet = read_sheet(file)
    try:
        return {int(value): name for value, name in zip(sheet.column("index"), sheet.column("name"), strict=True)}
    except ValueError as error:
        msg = f"--label-names {file} must hold integers in the column index: {error}"
        raise MistakeError(msg) from error


def _report(done: Imported, output: str) -> None:
    manifest = done.manifest
    if done.finished_before:
        note(f"{output} was finished before; there was nothing to do")
    for text in done.notes:
        note(text)
    left = list(done.left_out.items())
    for what, why in left[:_MOST_LEFT_OUT]:
        note(f"left out: {what}: {why}")
    if len(left) > _MOST_LEFT_OUT:
        note(f"… and {len(left) - _MOST_LEFT_OUT:,} more, which sources.csv names")
    samples = sum(split.samples for split in manifest.splits.values())
    splits = ", ".join(f"{name} {manifest.splits[name].samples:,}" for name in manifest.split_names)
    total = size(sum(file.bytes for file in manifest.files.values()))
    kind = "synthetic" if manifest.synthetic else "of real people"
    print(f"{printable(output)}: {manifest.name} {manifest.version}, {samples:,} samples ({splits}), {kind}, {total}")
    print(f"digest {manifest.digest}")
    shell = shlex.quote(output)
    print(f"next: voxpress verify {shell} · voxpress preview {shell} -o look.png · voxpress.open({output!r}) in Python")
