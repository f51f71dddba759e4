"""What comparing two versions costs: time and memory of `voxpress.diff`, by the number of rows.

python benchmarks/diff_speed.py [--data DIR] [--rows 10000,100000] [--rounds 3] [--write]
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from report import machine, table, write_section

PERFORMANCE = Path(__file__).parent.parent / "docs" / "performance.md"
AFFINE = ((1.0, 0.0, 0.0, -80.0), (0.0, 1.0, 0.0, -112.0), (0.0, 0.0, 1.0, -80.0), (0.0, 0.0, 0.0, 1.0))
SHARD = 64
NUMBERS = ("age", "brain_volume_ml", "ventricular_volume_ml", "hippocampal_volume_ml", "wmh_volume_ml")
CASES = {
    "next": "a tenth more rows, nothing else",
    "some": "1 % gone, 1 % with other conditions, 5 % with other voxels, labels and measures",
    "all": "every sample has other voxels, labels, measures and extents",
}
_MEASURE = """
import json, resource, sys, time
from pathlib import Path
import voxpress as vp
from voxpress.store.diff import ChangesFile
def peak():
    line = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024
imports, start = peak(), time.perf_counter()
if sys.argv[3]:
    with ChangesFile(Path(sys.argv[3])) as changes:
        found = vp.diff(sys.argv[1], sys.argv[2], on_changes=changes.add)
else:
    found = vp.diff(sys.argv[1], sys.argv[2])
seconds = time.perf_counter() - start
print(json.dumps({"s": seconds, "peak": peak(), "imports": imports, "same": found.samples.same,
                  "changed": len(found.samples.changed), "added": len(found.samples.added)}))
"""


def build(folder: Path, rows: int, case: str) -> None:
    """A store without voxels: its manifest, and a table of brains with image and label map."""
    import pyarrow as pa

    from voxpress import store

    rng = np.random.default_rng(0)
    count = rows + rows // 10 if case == "next" else rows
    index = np.arange(count)
    values = {name: rng.uniform(20, 95, 2 * rows)[:count].round(2) for name in NUMBERS}
    seeds = np.stack([index, index])
    parts = {"conditions": index < 0, "voxels": index < 0}
    kept = np.ones(count, dtype=bool)
    if case == "some":
        parts = {"conditions": index % 100 == 1, "voxels": index % 20 == 2}
        kept = index % 100 != 3
    elif case == "all":
        parts["voxels"] = index >= 0
    for name in NUMBERS:
        values[name] = values[name] + parts["conditions"]
    sex = np.array(["F", "M"])[rng.integers(0, 2, 2 * rows)[:count]]
    measured = {name: values[name] + rng.normal(0, 1, 2 * rows)[:count] + parts["voxels"] for name in NUMBERS}
    boxes = np.tile(np.array([[8, 152, 9, 215, 7, 150]], dtype=np.int16), (count, 1))
    boxes[:, 0] += parts["voxels"].astype(np.int16)
    counts = rng.integers(1, 10**6, (2 * rows, 8))[:count] + parts["voxels"][:, None]
    label_boxes = np.tile(boxes, (1, 8))
    values_of_labels = np.tile(np.arange(1, 9, dtype=np.int32), (count, 1))
    schema = store.rows_schema(
        {"age": "number", "sex": "category", **dict.fromkeys(NUMBERS[1:], "number")},
        NUMBERS,
        {"image": "image", "label": "label"},
    )
    specs = {
        "image": store.ArraySpec(
            name="image", kind="image", dtype="uint8", shape=(160, 224, 160), shard_samples=SHARD, affine=AFFINE
        ),
        "label": store.ArraySpec(
            name="label",
            kind="label",
            dtype="uint8",
            shape=(160, 224, 160),
            shard_samples=SHARD,
            affine=AFFINE,
            labels={value: f"structure {value}" if value else "background" for value in range(9)},
        ),
    }
    ids = np.char.add("brains-", np.char.zfill(index.astype(str), 7))
    digests = {
        name: _digests(seeds[number], parts["voxels"], salt=number) for number, name in enumerate(("image", "label"))
    }

    def lists(block: np.ndarray, type_: object) -> pa.Array:
        offsets = np.arange(0, block.size + 1, block.shape[1], dtype=np.int32)
        return pa.ListArray.from_arrays(pa.array(offsets), pa.array(block.ravel(), type_))

    holes = np.flatnonzero(~kept)
    shutil.rmtree(folder, ignore_errors=True)
    groups = []
    for start in range(0, count, SHARD):
        at = start + np.flatnonzero(kept[start : start + SHARD])
        n = len(at)
        columns = {
            "sample_id": pa.array(ids[at]),
            "index": pa.array(at),
            "split": pa.array(["train"] * n, pa.string()),
            "sex": pa.array(sex[at]),
            **{name: pa.array(values[name][at]) for name in NUMBERS},
            **{f"measured_{name}": pa.array(measured[name][at]) for name in NUMBERS},
            "seed": pa.array(at),
            "attempt": pa.array(np.zeros(n, np.int32)),
            "backend": pa.array(["atlas"] * n, pa.string()),
            "quality": pa.array(["PASS"] * n, pa.string()),
            **{
                name: pa.StructArray.from_arrays(
                    [pa.array([store.array_path("train", name)] * n, pa.string()), pa.array(at)], ["path", "index"]
                )
                for name in specs
            },
            **{f"{name}_sha256": pa.array([digests[name][row] for row in at], pa.string()) for name in specs},
            "image_box": lists(boxes[at], pa.int16()),
            "label_values": lists(values_of_labels[at], pa.int32()),
            "label_counts": lists(counts[at], pa.int64()),
            "label_boxes": lists(label_boxes[at], pa.int16()),
            "is_synthetic": pa.array([True] * n),
        }
        groups.append(pa.table([columns[name] for name in schema.names], schema=schema))
    _write(folder, count, holes, specs, groups, version="1.0.0" if case == "old" else "1.1.0")


def _write(folder, slots, holes, specs, groups, *, version) -> None:
    from voxpress import store

    scratch = folder / store.WORK_FOLDER
    recipe = f"name: brains\nversion: {version}\nsamples: {slots}\n".encode()
    files = {"recipe.yaml": store.write_atomic(folder / "recipe.yaml", recipe, scratch=scratch)}
    files |= store.write_table(folder, "train", groups, scratch=scratch)
    # nothing reads them
    absent = store.FileRecord(1, "0" * 64)
    files[store.group_zarr_json_path("train")] = absent
    for name in specs:
        files[store.array_zarr_json_path("train", name)] = absent
        files |= {store.shard_path("train", name, number): absent for number in range(-(-slots // SHARD))}
    manifest = store.Manifest(
        name="brains",
        version=version,
        recipe_sha256=files["recipe.yaml"].sha256,
        lock={"cohort": {"numpy": "2"}},
        splits={"train": store.SplitRecord(slots=slots, samples=slots - len(holes), shard_samples=SHARD)},
        arrays={store.array_path("train", name): spec for name, spec in specs.items()},
        rejected=tuple(
            store.Rejection(sample_id=f"brains-{slot:07d}", index=slot, split="train", slot=slot, attempts=())
            for slot in holes.tolist()
        ),
        files=files,
    )
    store.write_atomic(folder / store.MANIFEST_NAME, manifest.to_bytes(), scratch=scratch)
    shutil.rmtree(scratch)


def _digests(index: np.ndarray, other: np.ndarray, *, salt: int) -> list[str]:
    """Digests of no voxels, as incompressible as true ones."""
    import hashlib

    return [
        hashlib.sha256(f"{salt} {row} {changed}".encode()).hexdigest()
        for row, changed in zip(index.tolist(), other.tolist(), strict=True)
    ]


def measure(old: Path, new: Path, parquet: str) -> dict[str, float]:
    """One comparison in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, str(old), str(new), parquet], check=True, stdout=subprocess.PIPE
    )
    return json.loads(done.stdout)


def main() -> None:
    """Measures and tells."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / "voxpress-diff-speed")
    parser.add_argument("--rows", default="10000,100000")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="into docs/performance.md")
    args = parser.parse_args()
    lines: list[list[object]] = []
    imports = 0.0
    for rows in map(int, args.rows.split(",")):
        folders = {case: args.data / f"{rows}-{case}" for case in ("old", *CASES)}
        for case, folder in folders.items():
            if not (folder / "voxpress.json").exists():
                print(f"building {folder} …", file=sys.stderr, flush=True)
                build(folder, rows, case)
        on_disk = sum(path.stat().st_size for path in (folders["old"] / "metadata").iterdir()) / 1e6
        for case, words in CASES.items():
            found = [
                [measure(folders["old"], folders[case], parquet) for _ in range(args.rounds)]
                for parquet in ("", str(args.data / "changes.parquet"))
            ]
            print(rows, case, found, file=sys.stderr, flush=True)
            imports = found[0][0]["imports"]
            cells = [
                f"{statistics.median(one[key] for one in each):{form}}"
                for each in found
                for key, form in (("s", ".2f"), ("peak", ".0f"))
            ]
            lines.append([f"{rows:,}", f"{on_disk:.1f}", words, *cells])
    head = ["rows", "table, MB", "what changed", "s", "peak, MiB", "with `--parquet`, s", "peak, MiB"]
    text = (
        f"Machine: {machine()}. {len(NUMBERS)} ordered and {len(NUMBERS)} measured numbers, an image and a label map "
        f"with extents, shards of {SHARD}; page cache warm, {args.rounds} rounds, median. Python with voxpress and "
        f"Arrow has {imports:.0f} MiB before it begins.\n\n" + table(head, lines)
    )
    print(text)
    if args.write:
        write_section(PERFORMANCE, "diff-speed", text)


if __name__ == "__main__":
    main()
