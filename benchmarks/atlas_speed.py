"""How fast the factory makes full-size volumes with labels, and how much memory a worker takes.

python benchmarks/atlas_speed.py [--samples 48] [--rounds 3] [--write]
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from report import machine, table, write_section

DOCUMENT = Path(__file__).parent.parent / "docs" / "performance.md"
NEEDED = 100_000 / (48 * 3600)
"""Volumes a second that make 100,000 in 48 hours."""


def one_round(samples: int, workers: int) -> tuple[float, float]:
    """Volumes a second, start of the workers included, and the peak memory of the largest process in GiB."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        code = (
            "from voxpress.generation.factory import generate\n"
            "from voxpress.generation.recipe import default_recipe\n"
            "if __name__ == '__main__':\n"
            f"    recipe = default_recipe(sets=['shards.samples=8'], samples={samples}, seed=1)\n"
            f"    generate(recipe, {folder + '/store'!r}, workers={workers})\n"
        )
        script = Path(folder) / "run.py"
        script.write_text(code)
        subprocess.run([sys.executable, str(script)], check=True)
        rate = samples / (time.perf_counter() - start)
    return rate, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20


def main() -> None:
    """Measures and tells."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    rows: list[list[object]] = []
    for workers in (1, 2):
        rounds = [one_round(args.samples, workers) for _ in range(args.rounds)]
        rate = statistics.median(rate for rate, _ in rounds)
        memory = max(memory for _, memory in rounds)
        spread = f"{min(r for r, _ in rounds):.2f}–{max(r for r, _ in rounds):.2f}"
        hours = 100_000 / rate / 3600
        rows.append([workers, f"{rate:.2f}", spread, f"{rate / NEEDED:.2f}", f"{hours:.0f}", f"{memory:.2f}"])
        print(rows[-1], flush=True)
    text = (
        f"Machine: {machine()}. {args.samples} samples a round, {args.rounds} rounds, median; start of Python, of the "
        "workers and all writing included, the cached maps of the template there.\n\n"
        + table(
            [
                "workers",
                "volumes/s",
                "range",
                "of the 0.579/s that make 100,000 in 48 h",
                "hours for 100,000",
                "peak memory of the largest process, GiB",
            ],
            rows,
        )
    )
    print(text)
    if args.write:
        write_section(DOCUMENT, "atlas-speed", text)


if __name__ == "__main__":
    main()
