"""How close shuffling by windows of shards comes to a full shuffle, and where a shuffle buffer stands.

python benchmarks/shuffle_quality.py [--rounds 5] [--write]
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from report import table, write_section

from voxpress.loaders.order import Sequential, Shuffled, ShuffledShards

if TYPE_CHECKING:
    from collections.abc import Callable

DOCUMENT = Path(__file__).parent.parent / "docs" / "performance.md"
SAMPLES, SHARD, BATCH = 100_000, 64, 32
BUFFER = 1000
SHARD_OF_ROW = np.arange(SAMPLES) // SHARD
CLASSES = (0.60, 0.25, 0.15)
CLASS_OF_ROW = np.searchsorted(np.cumsum(CLASSES), np.arange(SAMPLES) / SAMPLES, side="right")
"""Each class in one block, so that a shard holds one class: the worst case."""


def batches(sequence: np.ndarray) -> np.ndarray:
    """Rows in full batches, (batches, 32)."""
    return sequence[: SAMPLES - SAMPLES % BATCH].reshape(-1, BATCH)


def shards_in_a_batch(sequence: np.ndarray) -> float:
    """Mean number of different shards."""
    shards = np.sort(SHARD_OF_ROW[batches(sequence)], axis=1)
    return float((np.diff(shards, axis=1) > 0).sum(axis=1).mean() + 1)


def class_distance(sequence: np.ndarray) -> float:
    """Mean total variation distance between the classes of a batch and those of the table."""
    found = CLASS_OF_ROW[batches(sequence)]
    parts = np.stack([(found == code).mean(axis=1) for code in range(len(CLASSES))], axis=1)
    return float(np.abs(parts - np.array(CLASSES)).sum(axis=1).mean() / 2)


def met_again(sequence: np.ndarray, following: np.ndarray) -> float:
    """Share of the pairs of a batch that meet again in a batch of the next epoch."""
    batch_of_row = np.full(SAMPLES, -1)
    later = batches(following)
    batch_of_row[later.ravel()] = np.repeat(np.arange(len(later)), BATCH)
    numbers = np.sort(batch_of_row[batches(sequence)], axis=1)
    # pairs at a distance k in the sorted batch are equal only if all between them are too
    equal = sum(int(((numbers[:, k:] == numbers[:, :-k]) & (numbers[:, k:] >= 0)).sum()) for k in range(1, BATCH))
    return equal / (len(numbers) * BATCH * (BATCH - 1) / 2)


def correlation(sequence: np.ndarray) -> float:
    """Between where a sample is stored and when it comes."""
    return float(np.corrcoef(sequence, np.arange(SAMPLES))[0, 1])


def buffered(rows: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """A buffer that gives one of its samples at random and takes the next in its place (WebDataset, HF datasets)."""
    held, out = rows[:BUFFER].tolist(), np.empty(len(rows), dtype=np.int64)
    chosen = generator.integers(0, BUFFER, len(rows) - BUFFER)
    for place, (row, spot) in enumerate(zip(rows[BUFFER:].tolist(), chosen.tolist(), strict=True)):
        out[place], held[spot] = held[spot], row
    out[len(rows) - BUFFER :] = generator.permutation(held)
    return out


def buffer_alone(seed: int, epoch: int) -> np.ndarray:
    return buffered(np.arange(SAMPLES), np.random.default_rng([seed, epoch]))


def buffer_of_shuffled_shards(seed: int, epoch: int) -> np.ndarray:
    generator = np.random.default_rng([seed, epoch])
    starts = generator.permutation(SHARD_OF_ROW[-1] + 1) * SHARD
    rows = (starts[:, None] + np.arange(SHARD)).ravel()
    return buffered(rows[rows < SAMPLES], generator)


@dataclass(frozen=True)
class Way:
    """One way to shuffle, and what it holds at a time."""

    name: str
    held: str
    sequence: Callable[[int, int], np.ndarray]


def ways() -> list[Way]:
    def of(order) -> Callable[[int, int], np.ndarray]:
        return lambda seed, epoch: order.rows(np.arange(SAMPLES), seed=seed, epoch=epoch)

    windows = [
        Way(
            f"`shuffled_shards`, {n} in a window",
            "1 shard" if n == 1 else f"{n} shards",
            of(ShuffledShards.of(SHARD_OF_ROW, n)),
        )
        for n in (1, 2, 4, 8, 16, 32, 64)
    ]
    return [
        Way("`sequential`", "1 shard", of(Sequential(SAMPLES))),
        Way(f"buffer of {BUFFER:,}", f"{BUFFER:,} samples", buffer_alone),
        Way(f"shards shuffled, then a buffer of {BUFFER:,}", f"{BUFFER:,} samples", buffer_of_shuffled_shards),
        *windows,
        Way("`shuffled`", "any sample", of(Shuffled(SAMPLES))),
    ]


def main() -> None:
    """Measures and tells."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    rows: list[list[object]] = []
    for way in ways():
        found = []
        for seed in range(args.rounds):
            one, two = way.sequence(seed, 0), way.sequence(seed, 1)
            found.append((shards_in_a_batch(one), class_distance(one), met_again(one, two), abs(correlation(one))))
        shards, distance, again, stored = np.mean(found, axis=0)
        rows.append([way.name, way.held, f"{shards:.1f}", f"{distance:.3f}", f"{again:.2%}", f"{stored:.3f}"])
        print(rows[-1], flush=True)
    header = ["order", "held at a time", "shards in a batch", "distance of classes", "pairs met again", "correlation"]
    text = (
        f"{SAMPLES:,} samples in shards of {SHARD}, batches of {BATCH}, mean over {args.rounds} seeds. "
        "The machine has no part in this: sequences are the same everywhere.\n\n" + table(header, rows)
    )
    print(text)
    if args.write:
        write_section(DOCUMENT, "shuffle-quality", text)


if __name__ == "__main__":
    main()
