"""`voxpress fetch`: a data set, or a part of one, comes to this machine."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from .console import Bar, note, printable, size

if TYPE_CHECKING:
    import argparse

    from ..builder.fetching import Fetched

__all__ = ["run"]


def run(asked: argparse.Namespace) -> int:
    """Fetches, and says what came."""
    from ..builder import fetch

    splits = None if asked.splits is None else [name for name in asked.splits.split(",") if name]
    bars: dict[str, Bar] = {}

    def tell(done: int, total: int, unit: str) -> None:
        if unit not in bars:
            bars[unit] = Bar("fetching", unit="B" if unit == "B" else f" {unit}", unit_scale=unit == "B")
        bar = bars[unit]
        if bar.shown is not None and total != bar.shown.total:
            # the next data set of a collection
            bar.shown.close()
            bar.shown = None
        bar.tell(done, total)

    try:
        fetched = fetch(
            asked.source,
            asked.output,
            where=asked.where,
            splits=splits,
            config=asked.config,
            transfers=asked.transfers,
            progress=tell,
        )
    finally:
        for bar in bars.values():
            bar.__exit__(None, None, None)
    if fetched.finished_before:
        note(f"{asked.output} was fetched before; there was nothing to do")
    _report(fetched, asked.output)
    return 0


def _report(fetched: Fetched, output: str) -> None:
    for folder, manifest in fetched.manifests.items():
        where = f"{output.rstrip('/')}/{folder}" if folder else output
        samples = sum(split.samples for split in manifest.splits.values())
        total = size(sum(file.bytes for file in manifest.files.values()))
        splits = ", ".join(f"{name} {manifest.splits[name].samples:,}" for name in manifest.split_names)
        print(f"{printable(where)}: {manifest.name} {manifest.version}, {samples:,} samples ({splits}), {total}")
        source = fetched.source_digests[folder]
        same = "the same as the source" if source == manifest.digest else f"fetched from {source}"
        print(f"digest {manifest.digest} ({same})")
        shell = shlex.quote(where)
        print(f"next: voxpress verify {shell} · voxpress.open({where!r}) in Python")
