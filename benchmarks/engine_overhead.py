"""What an engine costs a shard: how long its workers wait between shards, and how much more all processes compute.

python benchmarks/engine_overhead.py [--shards 1000] [--rounds 3] [--write]

Both are measured from the first shard to the last, and what else the machine does changes them little; it changes the
time from beginning to end much. Shards of a known length burn a core and write nothing, so that what is measured is the
engine alone; those of the trivial backend of the tests are written to disk as ever.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

from report import machine, table, write_section

PERFORMANCE = Path(__file__).parent.parent / "docs" / "performance.md"
SAMPLES = 8
"""In a shard."""


@dataclass(frozen=True)
class Job:
    """A shard of so many samples, as small as a row of the cohort is."""

    number: int
    rows: tuple[dict[str, float], ...]


@dataclass(frozen=True)
class Maker:
    """Burns a core for so long a sample, and gives a record of the usual size."""

    sample_s: float

    def make(self, job: Job, *, on_sample) -> dict[str, object]:
        """One shard."""
        for _ in job.rows:
            end = time.thread_time() + self.sample_s
            while time.thread_time() < end:
                pass
            on_sample()
        return {"rows": [{**row, **{f"{name}_sha256": "0" * 64 for name in ("image", "label")}} for row in job.rows]}


def jobs(count: int) -> list[Job]:
    """Shards with rows of 20 columns."""
    row = {f"condition_{number}": number / 7 for number in range(20)}
    return [Job(number, (row,) * SAMPLES) for number in range(count)]


def balls(folder: str, count: int) -> tuple[object, list[object]]:
    """Maker and jobs of shards of four balls of 16³ voxels, image and label map."""
    from spheres_backend import SpheresBackend

    from voxpress.generation.arrays import specs_of
    from voxpress.generation.cohort import draw_cohort
    from voxpress.generation.factory import plan_jobs
    from voxpress.generation.recipe import parse_recipe
    from voxpress.generation.shard_maker import ShardMaker

    recipe = parse_recipe(
        f"{{name: balls, samples: {count * 4}, seed: 1, backend: {{name: spheres}}, splits: {{train: 1.0}}, "
        "image: {shape: [16, 16, 16], spacing_mm: [1, 1, 1]}, shards: {samples: 4}}"
    )
    load = partial(SpheresBackend, {}, recipe.grid)
    maker = ShardMaker(load=load, specs=specs_of(recipe, load()), seed=recipe.seed, target=Path(folder))
    return maker, plan_jobs(draw_cohort(recipe, load()))


@dataclass(frozen=True)
class Timed:
    """Tells beside the record which process was at work from when to when."""

    maker: object

    def make(self, job, *, on_sample) -> tuple[object, int, float, float]:
        """One shard."""
        begun = time.time()
        made = self.maker.make(job, on_sample=on_sample)
        return made, os.getpid(), begun, time.time()


def computed() -> float:
    """CPU seconds of this process and all that it started, Ray's own included."""
    import psutil

    me = psutil.Process()
    spent = 0.0
    for process in [me, *me.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            spent += times.user + times.system
    return spent


@dataclass(frozen=True)
class Cost:
    """Of one run: seconds until the first shard; then a shard's own time, waits and CPU, in ms."""

    start_s: float
    own_ms: float
    wait_ms: float
    cpu_ms: float


def run(name: str, workers: int, maker, todo) -> Cost:
    """Does all jobs once."""
    import engine_overhead

    from voxpress.generation.engines import engine_of

    maker, started, spans, cpu, first = engine_overhead.Timed(maker), time.time(), defaultdict(list), [], 0.0
    if name == "loop":
        made = (maker.make(job, on_sample=lambda: None) for job in todo)
    else:
        engine = engine_of(name, workers=workers, address="local" if name == "ray" else None)
        made = engine.run(maker, todo, on_sample=lambda _: None)
    for number, (_, pid, begun, ended) in enumerate(made):
        spans[pid].append((begun, ended))
        first = first or time.time() - started
        if number in {0, len(todo) - 1}:
            cpu.append(computed())
    ordered = [sorted(each) for each in spans.values()]
    assert sum(map(len, ordered)) == len(todo)
    gaps = [later[0] - sooner[1] for each in ordered for sooner, later in pairwise(each)]
    own = [ended - begun for each in ordered for begun, ended in each]
    count = len(todo) - 1
    return Cost(first, sum(own) / len(own) * 1e3, sum(gaps) / count * 1e3, (cpu[1] - cpu[0]) / count * 1e3)


def row(words: str, case: tuple[str, int], found) -> list[object]:
    """A line of the table."""
    name, workers = case
    costs, plain = found[case], found["loop", 1]
    line: list[object] = [
        words,
        "plain loop" if name == "loop" else f"{name}, {workers}",
        f"{statistics.median(cost.own_ms for cost in costs):.1f}",
        f"{statistics.median(cost.cpu_ms for cost in costs):.2f}",
    ]
    start = f"{statistics.median(cost.start_s for cost in costs):.1f}"
    if name == "loop":
        return [*line, "", "", start]
    waits = [100 * cost.wait_ms / cost.own_ms for cost in costs]
    more = [cost.cpu_ms - loop.cpu_ms for cost, loop in zip(costs, plain, strict=True)]
    share = [100 * each / loop.cpu_ms for each, loop in zip(more, plain, strict=True)]
    wait_ms = statistics.median(cost.wait_ms for cost in costs)
    return [
        *line,
        f"{wait_ms:.2f} ({statistics.median(waits):.1f} %, {min(waits):.1f} to {max(waits):.1f})",
        f"{statistics.median(more):+.2f} ({statistics.median(share):+.1f} %, {min(share):+.1f} to {max(share):+.1f})",
        start,
    ]


def main() -> None:
    """Measures and tells."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shards", type=int, default=1000)
    parser.add_argument("--kinds", default="balls,10,200", help="balls, or ms of a core that a shard takes")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="into docs/performance.md")
    args = parser.parse_args()
    # workers import this file by its name
    import engine_overhead

    lines: list[list[object]] = []
    cases = [("loop", 1), ("local", 1), ("ray", 1), ("local", 2), ("ray", 2)]
    with tempfile.TemporaryDirectory() as folder:
        for kind in args.kinds.split(","):
            if kind == "balls":
                words, (maker, todo) = f"{args.shards:,} of a trivial backend", balls(folder, args.shards)
            else:
                count = max(100, min(args.shards, round(args.shards * 10 / float(kind))))
                words, todo = f"{count:,} of {kind} ms", jobs(count)
                maker = engine_overhead.Maker(float(kind) / 1000 / SAMPLES)
            found: dict[tuple[str, int], list[Cost]] = {case: [] for case in cases}
            for _ in range(args.rounds):
                for case in cases:
                    found[case].append(run(*case, maker, todo))
                    print(words, case, found[case][-1], file=sys.stderr, flush=True)
            lines += [row(words, case, found) for case in cases]
    head = ["shards", "by, workers", "a shard, ms", "CPU, ms", "waits, ms", "CPU more, ms", "s until the first"]
    import ray

    text = (
        f"Machine: {machine()}, with other work on it. Ray {ray.__version__}, a cluster of this machine alone, started "
        f"with the run. Shards of a known length have {SAMPLES} samples that burn a core and write nothing; those of "
        f"the trivial backend have four of 16³ voxels, written as ever. {args.rounds} rounds in which the engines take "
        "turns; medians, in brackets as a share of the shard, with the lowest and highest round. Waits: from the end "
        "of a shard to the beginning of the next of the same worker. CPU: of the command, its workers and Ray's own "
        "processes; more: than that of the plain loop in the same round.\n\n" + table(head, lines)
    )
    print(text)
    if args.write:
        write_section(PERFORMANCE, "engine-overhead", text)


if __name__ == "__main__":
    here = Path(__file__).parent
    sys.path.append(str(here.parent / "tests"))
    paths = [str(here), str(here.parent / "tests"), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)
    main()
