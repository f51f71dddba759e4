"""`voxpress regenerate`: a data set made again from its recipe, and how near it comes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .console import Bar, aligned, note, number, printable

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from ..generation.factory import Progress
    from ..generation.levels import ArrayDifference, Level, SampleDifference
    from ..generation.regenerate import Regeneration

__all__ = ["EXIT_CODES", "lines", "made_again", "run"]

EXIT_CODES = {"exact": 0, "close": 3, "different": 4}
_MOST_SAMPLES = 10


def run(asked: argparse.Namespace) -> int:
    """Makes it, and tells the level, by the exit code too."""
    samples = None if asked.samples is None else [each.strip() for each in asked.samples.split(",") if each.strip()]
    options = {"samples": samples, "split": asked.split, "where": asked.where, "workers": asked.workers}
    done = made_again(asked.source, asked.output, **options)
    if asked.output is not None:
        _add_card(asked.output)
    if asked.json:
        print(json.dumps(done.to_json(), indent=1, ensure_ascii=False))
    else:
        print("\n".join(lines(done)))
    return EXIT_CODES[done.level]


def made_again(source: str, target: str | None = None, **options: object) -> Regeneration:
    """`regenerate` with a bar."""
    from ..generation.regenerate import regenerate

    note("preparing the backend")
    with Bar("making again", unit=" samples") as bar:

        def tell(progress: Progress) -> None:
            bar.tell(progress.done, progress.samples)

        return regenerate(source, target, progress=tell, **options)  # type: ignore[arg-type]


def lines(done: Regeneration) -> list[str]:
    """What came of it, for people."""
    counts = ", ".join(f"{done.count(level):,} {level}" for level in _levels() if done.count(level))
    head = f"{done.level.value}: {done.samples:,} samples made again from the recipe of {done.source} ({counts})"
    text = [head, *_arrays(done.arrays)]
    text += [f"why: {reason}" for reason in done.reasons]
    if not done.differences and done.lock:
        text.append(f"although not all is as it was then: {'; '.join(done.lock)}")
    text += _samples(done.differences)
    if done.target is not None:
        same = "the same bytes" if done.target_digest == done.digest else f"digest {done.target_digest}"
        text.append(f"{done.target}: {same}")
    return [printable(line) for line in text]


def _levels() -> Sequence[Level]:
    from ..generation.levels import Level

    return list(Level)


def _arrays(arrays: dict[str, ArrayDifference]) -> list[str]:
    return [f"{name}: {_array(array)}" for name, array in arrays.items()]


def _array(array: ArrayDifference) -> str:
    share = f"{array.differing:,} of {array.voxels:,} voxels differ ({100 * array.differing / array.voxels:.2g} %)"
    if array.kind == "label":
        return share
    sizes = [
        f"{name} by {number(stored)} stored, {number(stored * abs(array.scale))} {array.unit}".rstrip()
        for name, stored in (("at most", array.greatest), ("on average", array.mean))
    ]
    return f"{share}, {'; '.join(sizes)}"


def _samples(differences: Sequence[SampleDifference]) -> list[str]:
    rows = [
        (each.sample_id, each.split, each.level.value, "; ".join([*each.reasons, *_arrays(each.arrays)]))
        for each in differences[:_MOST_SAMPLES]
    ]
    more = len(differences) - len(rows)
    return [*(aligned(rows) if rows else []), *([f"and {more:,} more (all with --json)"] if more else [])]


def _add_card(path: str) -> None:
    from ..press import write_card
    from ..store import open as open_store

    write_card(open_store(path))
