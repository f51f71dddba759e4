"""How long do all nearest neighbours and all near duplicates of a large set take, and how much memory?

python benchmarks/quality/neighbours.py [--synthetic 100000] [--reference 30000] [--width 256] [--write]
"""

from __future__ import annotations

import argparse
import resource
from multiprocessing import get_context
from time import perf_counter, process_time

import numpy as np
from documents import QUALITY, machine, table, write_section

from voxpress.quality.distances import nearest
from voxpress.quality.sets.duplicates import hash_words, near_duplicates

COPY_WIDTH = 1727


def peak_mb() -> float:
    """Largest resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def vectors(rows: int, width: int, seed: int) -> np.ndarray:
    """Normal vectors, a block at a time so that making them takes no more memory than having them."""
    random = np.random.default_rng(seed)
    found = np.empty((rows, width), np.float32)
    for start in range(0, rows, 4096):
        part = found[start : start + 4096]
        part[:] = random.standard_normal(part.shape, np.float32)
    return found


def neighbours(synthetic: int, reference: int, width: int, k: int) -> dict[str, float]:
    """Nearest of the reference; some rows are planted copies, which must come back at distance 0."""
    queries, references = vectors(synthetic, width, 1), vectors(reference, width, 2)
    planted = np.arange(0, synthetic, max(synthetic // 100, 1))
    queries[planted] = references[planted % reference]
    before, start, worked = peak_mb(), perf_counter(), process_time()
    found = nearest(queries, references, k)
    took, worked = perf_counter() - start, process_time() - worked
    assert (found.rows[planted, 0] == planted % reference).all()
    assert (found.distances[planted, 0] == 0).all()
    return {"s": took, "worked_s": worked, "before_mb": before, "peak_mb": peak_mb()}


def hashes(rows: int) -> dict[str, float]:
    """Near duplicates among all pairs; 100 are planted, which must be all that is found."""
    embeddings = vectors(rows, COPY_WIDTH, 3)
    embeddings[-100:] = embeddings[:100] + vectors(100, COPY_WIDTH, 4) * np.float32(0.1)
    words = hash_words(np.packbits(embeddings[:, :256] > 0, axis=1))
    before, start, worked = peak_mb(), perf_counter(), process_time()
    found = near_duplicates(words, embeddings)
    took, worked = perf_counter() - start, process_time() - worked
    assert [(pair.row, pair.first) for pair in found] == [(rows - 100 + i, i) for i in range(100)]
    return {"s": took, "worked_s": worked, "before_mb": before, "peak_mb": peak_mb()}


def alone(function, *arguments: int) -> dict[str, float]:
    """Runs a measurement in a process of its own, so that its memory is its own."""
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def main() -> None:
    """Measures and tells."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--synthetic", type=int, default=100_000)
    parser.add_argument("--reference", type=int, default=30_000)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--neighbours", type=int, default=5)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    rows = []
    shape = (args.synthetic, args.reference, args.width, args.neighbours)
    for halved in (2, 1):
        some = (shape[0] // halved, *shape[1:])
        found = alone(neighbours, *some)
        what = f"{some[3]} nearest of {some[1]:,} to each of {some[0]:,}, {some[2]} numbers"
        rows.append([what, *(f"{found[name]:.0f}" for name in ("s", "worked_s", "before_mb", "peak_mb"))])
        print(rows[-1], flush=True)
    for halved in (2, 1):
        some_rows = args.synthetic // halved
        found = alone(hashes, some_rows)
        what = f"near duplicates among {some_rows:,}, hashes of 256 bits and {COPY_WIDTH:,} numbers"
        rows.append([what, *(f"{found[name]:.0f}" for name in ("s", "worked_s", "before_mb", "peak_mb"))])
        print(rows[-1], flush=True)
    head = ["what", "time, s", "processor time, s", "memory with the vectors, MB", "peak memory, MB"]
    text = f"{table(head, rows)}\n\nMachine: {machine()}."
    print(text)
    if args.write:
        write_section(QUALITY, "neighbours", text)


if __name__ == "__main__":
    main()
