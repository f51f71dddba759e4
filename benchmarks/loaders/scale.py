"""What a table of ten million rows costs: opening, filtering, shuffling, resuming, and the overhead of a sample.

The volumes are of 8×8×8 voxels, so that reading one is all overhead; indexes of shards are as large as usual.

python benchmarks/loaders/scale.py [--data DIR] [--rows 10000000] [--write]
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
from data import arguments
from documents import PERFORMANCE, machine, table, write_section
from writers import AFFINE, ATTRS

if TYPE_CHECKING:
    from pathlib import Path

SHAPE = (8, 8, 8)
_SHARD = 512
"""The index of a shard is then as large as that of 64 volumes of 8 slabs."""
_MEASURE = """
import json, resource, sys, time
import torch
torch.set_num_threads(1)
import numpy as np
import voxpress as vp
vp.loaders.VolumeStream
found, start = {}, time.perf_counter()
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() / 2**20
def lap(name):
    global start
    found[name] = time.perf_counter() - start, resident()
    start = time.perf_counter()
lap("imports")
cohort = vp.open(sys.argv[1])
lap("open")
n = len(cohort)
lap("len")
some = cohort.where("age >= 70 and sex == 'F'")
k = len(some)
lap("where")
stream = vp.loaders.VolumeStream(some, keys=("image",), dtype=None, batch_size=64, shuffle=True, seed=1)
steps = iter(stream)
next(steps)
lap("first batch, shuffled, of the selection")
del steps
start = time.perf_counter()
stream = vp.loaders.VolumeStream(cohort, keys=("image",), dtype=None, batch_size=64, shuffle=True, seed=1)
steps = iter(stream)
next(steps)
lap("first batch, shuffled, of all rows")
state = stream.state_dict()
lap("state_dict")
other = vp.loaders.VolumeStream(cohort, keys=("image",), dtype=None, batch_size=64, shuffle=True, seed=1)
other.load_state_dict(state)
next(iter(other))
lap("another stream resumed, to its first batch")
del steps, other
def overhead(shuffle, samples=0):
    stream = vp.loaders.VolumeStream(cohort, keys=("image",), dtype=None, batch_size=64, shuffle=shuffle, seed=1)
    taken, seconds, epoch = 0, 0.0, 0
    while seconds < 3 or taken < samples:
        stream.set_epoch(epoch)
        begin = time.perf_counter()
        for number, batch in enumerate(stream):
            taken += len(batch["sample_id"])
            if time.perf_counter() - begin > 3 and taken >= samples:
                break
        seconds += time.perf_counter() - begin
        epoch += 1
    return seconds / taken * 1e6
found["in order"] = overhead(False), resident()
found["shuffled, the first"] = overhead(True), resident()
# until each shard has been met, and with it its index
overhead(True, min(n, 30_000))
found["shuffled"] = overhead(True), resident()
found["rows"] = n, k
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
found["peak"] = int(peak.split()[1]) / 1024, 0
print(json.dumps(found))
"""


def build(folder: Path, rows: int) -> None:
    """A store of so many samples, all with the same voxels; ids, ages and digests differ."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from voxpress import store

    scratch = folder / store.WORK_FOLDER
    spec = store.ArraySpec(
        name="image", kind="image", dtype="uint8", shape=SHAPE, shard_samples=_SHARD, affine=AFFINE, chunk=SHAPE
    )
    voxels = np.full(SHAPE, 7, np.uint8)
    encoded = store.encode_sample(spec, voxels)
    extents = store.sample_extents(spec, voxels)
    files = {"recipe.yaml": store.write_atomic(folder / "recipe.yaml", b"name: scale\n", scratch=scratch)}
    documents = {
        store.group_zarr_json_path("train"): store.group_document(ATTRS),
        store.array_zarr_json_path("train", "image"): store.array_document(spec, rows, (), ATTRS),
    }
    for path, document in documents.items():
        files[path] = store.write_atomic(folder / path, store.document_bytes(document), scratch=scratch)
    schema = store.rows_schema({"age": "number", "sex": "category"}, [], {"image": "image"})
    groups = []
    rng = np.random.default_rng(0)
    for number, first in enumerate(range(0, rows, _SHARD)):
        members = np.arange(first, min(first + _SHARD, rows))
        n = len(members)
        path = store.shard_path("train", "image", number)
        files[path] = store.write_atomic(folder / path, store.assemble_shard(spec, [encoded] * n), scratch=scratch)
        numbers = pc.cast(pa.array(members), pa.string())
        columns = {
            "sample_id": pc.binary_join_element_wise("scale-", pc.utf8_lpad(numbers, 8, "0"), ""),
            "index": pa.array(members),
            "split": pa.array(["train"] * n),
            "age": pa.array(rng.uniform(20, 95, n)),
            "sex": pa.array(np.array(["F", "M"])[rng.integers(0, 2, n)]),
            "seed": pa.array(members),
            "attempt": pa.array(np.zeros(n, np.int32)),
            "backend": pa.array(["scale"] * n),
            "quality": pa.array(["PASS"] * n),
            "image": pa.StructArray.from_arrays(
                [pa.array([store.array_path("train", "image")] * n), pa.array(members)], names=["path", "index"]
            ),
            # digests of no voxels, as incompressible as true ones
            "image_sha256": pa.array(_digests(rng, n)),
            **{name: pa.array([value] * n, type=schema.field(name).type) for name, value in extents.items()},
            "is_synthetic": pa.array([True] * n),
        }
        groups.append(pa.table([columns[name] for name in schema.names], schema=schema))
    files |= store.write_table(folder, "train", groups, scratch=scratch)
    manifest = store.Manifest(
        name="scale",
        version="1.0.0",
        recipe_sha256=files["recipe.yaml"].sha256,
        lock={},
        splits={"train": store.SplitRecord(slots=rows, samples=rows, shard_samples=_SHARD)},
        arrays={store.array_path("train", "image"): spec},
        rejected=(),
        files=files,
    )
    store.seal(folder, manifest, scratch=scratch)
    shutil.rmtree(scratch)


def _digests(rng: np.random.Generator, count: int) -> list[str]:
    whole = rng.bytes(32 * count).hex()
    return [whole[start : start + 64] for start in range(0, len(whole), 64)]


def main() -> None:
    """Measures and tells."""
    parser = arguments(__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    args = parser.parse_args()
    sizes = [100, 10_000, args.rows]
    found: dict[int, list[dict[str, list[float]]]] = {}
    for rows in sizes:
        folder = args.data / f"scale-{rows}"
        if not (folder / "voxpress.json").exists():
            shutil.rmtree(folder, ignore_errors=True)
            print(f"building {rows} rows …", file=sys.stderr, flush=True)
            build(folder, rows)
    # in turns, so that all meet the same noise
    for _ in range(args.rounds):
        for rows in sizes:
            done = subprocess.run(
                [sys.executable, "-c", _MEASURE, str(args.data / f"scale-{rows}")], check=True, stdout=subprocess.PIPE
            )
            found.setdefault(rows, []).append(json.loads(done.stdout.splitlines()[-1]))
            print(rows, found[rows][-1], file=sys.stderr, flush=True)

    def median(rows: int, name: str, part: int = 0) -> float:
        return statistics.median(one[name][part] for one in found[rows])

    steps = [
        name
        for name in found[args.rows][0]
        if name not in {"imports", "in order", "shuffled, the first", "shuffled", "rows", "peak"}
    ]
    lines: list[list[object]] = [
        [f"{name}, s (MiB resident after it)", *(f"{median(n, name):.3f} ({median(n, name, 1):.0f})" for n in sizes)]
        for name in steps
    ]
    lines += [
        [f"a sample, {way}, µs", *(f"{median(n, way):.0f}" for n in sizes)]
        for way in ("in order", "shuffled, the first", "shuffled")
    ]
    lines.append(["after the imports, MiB resident", *(f"{median(n, 'imports', 1):.0f}" for n in sizes)])
    lines.append(["peak, MiB resident", *(f"{median(n, 'peak'):.0f}" for n in sizes)])
    text = (
        f"Machine: {machine()}. One image of 8×8×8 voxels a row, shards of {_SHARD}, page cache warm, {args.rounds} "
        "rounds, median. The filter is `age >= 70 and sex == 'F'`, a sixth of the rows. A sample's time is that of all "
        "a stream does but unpacking, in batches of 64.\n\n" + table(["", *(f"{n:,} rows" for n in sizes)], lines)
    )
    print(text)
    if args.write:
        write_section(PERFORMANCE, "loaders-scale", text)


if __name__ == "__main__":
    main()
