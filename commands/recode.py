"""`voxpress recode`: a copy that is packed otherwise, for training on this machine."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from .console import Bar, MistakeError, note, printable, size

if TYPE_CHECKING:
    import argparse

    from ..store import Cohort, Manifest, Packing

__all__ = ["run"]


def run(asked: argparse.Namespace) -> int:
    """Makes the copy, and says what came of it."""
    from ..store import open as open_store
    from ..store import recode

    source = open_store(asked.source)
    packing = _packing(asked, source)
    with Bar("copying", unit=" samples") as bar:

        def tell(done: int, total: int) -> None:
            if done and bar.shown is None:
                note(f"{done:,} of {total:,} samples are there; copying the others")
            bar.tell(done, total)

        done = recode(asked.source, asked.target, packing, where=asked.where, threads=asked.threads, progress=tell)
    if bar.shown is None:
        note(f"{asked.target} was finished before; there was nothing to copy")
    _report(source.manifest, done.manifest, asked.target)
    return 0


def _packing(asked: argparse.Namespace, source: Cohort) -> Packing:
    """What is asked for, held against the arrays before anything is written."""
    from ..errors import FormatError
    from ..store import Packing

    try:
        packing = Packing(codec=asked.codec, chunk=asked.chunk, shard_samples=asked.shard_samples)
        for spec in source.specs.values():
            packing.applied(spec)
    except FormatError as error:
        raise MistakeError(str(error)) from error
    return packing


def _report(source: Manifest, copy: Manifest, path: str) -> None:
    samples = sum(split.samples for split in copy.splits.values())
    before, after = (size(sum(file.bytes for file in manifest.files.values())) for manifest in (source, copy))
    print(f"{printable(path)}: {copy.name} {copy.version}, {samples:,} samples, {after} (the source has {before})")
    print(f"digest {copy.digest}")
    shell = shlex.quote(path)
    print(f"next: voxpress verify {shell} · voxpress.open({path!r}) in Python")
