"""`voxpress export`: samples become NIfTI files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .console import Bar, MistakeError, note, printable

if TYPE_CHECKING:
    import argparse

__all__ = ["run"]


def run(asked: argparse.Namespace) -> int:
    """Exports, and says what came of it."""
    from ..builder.exporting import export

    with Bar("writing", unit=" samples") as bar:
        done = export(
            asked.source,
            asked.output,
            layout=asked.layout,
            where=asked.where,
            split=asked.split,
            rows=_rows(asked.rows),
            suffix=asked.suffix,
            workers=asked.workers,
            progress=bar.tell,
        )
    if done.finished_before:
        note(f"{asked.output} was exported before; there was nothing to do")
    kind = "synthetic" if done.synthetic else "of real people"
    print(f"{printable(asked.output)}: {done.samples:,} samples, {kind}, in {done.files:,} files")
    return 0


def _rows(text: str | None) -> list[int] | None:
    if text is None:
        return None
    try:
        return [int(row) for row in text.split(",")]
    except ValueError:
        msg = f"--rows must be whole numbers with commas between, such as 0,3,7, got {text!r}"
        raise MistakeError(msg) from None
