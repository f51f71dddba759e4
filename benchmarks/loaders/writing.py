"""How fast volumes are written in each format.

python benchmarks/loaders/writing.py [--data DIR] [--volumes 64] [--rounds 3] [--seconds 3] [--write]
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import time
from typing import TYPE_CHECKING

import numpy as np
from data import Data, arguments, folder_bytes
from documents import PERFORMANCE, machine, table, write_section
from measuring import number
from writers import WRITERS

if TYPE_CHECKING:
    from pathlib import Path

NAMES = {
    "voxpress-zstd": "voxpress, zstd",
    "voxpress-lz4": "voxpress, lz4",
    "zarr": "zarr-python, (80,112,80), zstd",
    "zarr-slab": "zarr-python, slabs of 20, zstd",
    "tensorstore": "TensorStore, slabs of 20, zstd",
    "mds": "MDS raw",
    "mds-zstd": "MDS zstd",
    "litdata": "LitData raw",
    "litdata-zstd": "LitData zstd",
    "webdataset-npy": "WebDataset npy",
    "webdataset-nii": "WebDataset nii.gz",
    "nifti": "nii.gz (nibabel)",
    "hf-nifti": "Hugging Face Nifti",
    "hf-array3d": "Hugging Face Array3D",
    "npy": "npy",
}
GOALS = (
    ("≥ 2× zarr-python", ("zarr", "zarr-slab"), 2.0),
    ("≥ 3× MDS compressed", ("mds-zstd",), 3.0),
    ("≥ 3× LitData compressed", ("litdata-zstd",), 3.0),
)


def _time(name: str, volumes: np.ndarray, folder: Path, seconds: float) -> tuple[float, float]:
    """Volumes a second, and bytes of one: of as many shards as fit into the time."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    some = volumes[:8]
    # what others have written goes to the disk before the clock starts
    os.sync()
    start = time.perf_counter()
    WRITERS[name](some, folder)
    once = time.perf_counter() - start
    size = folder_bytes(folder) / len(some)
    count = min(len(volumes), max(8, int(seconds / once) * 8))
    if count == len(some):
        return len(some) / once, size
    shutil.rmtree(folder)
    folder.mkdir()
    start = time.perf_counter()
    WRITERS[name](volumes[:count], folder)
    return count / (time.perf_counter() - start), size


def main() -> None:
    """Measures and tells."""
    args = arguments(__doc__).parse_args()
    data = Data(args.data, args.volumes)
    volumes = np.array(data.images())
    names = [name for name in NAMES if not args.only or any(part in name for part in args.only)]
    rates: dict[str, list[float]] = {name: [] for name in names}
    sizes: dict[str, float] = {}
    folder = data.folder / "writing"
    for name in names:
        # imports, and thread pools that are there for good
        _time(name, volumes[:2], folder, 0)
    for turn in range(args.rounds):
        for name in names if turn % 2 == 0 else names[::-1]:
            rate, sizes[name] = _time(name, volumes, folder, args.seconds)
            rates[name].append(rate)
            print(turn, name, number(rate), file=sys.stderr, flush=True)
    shutil.rmtree(folder, ignore_errors=True)

    def times(name: str) -> float:
        return statistics.median(a / b for a, b in zip(rates["voxpress-zstd"], rates[name], strict=True))

    ours = "voxpress-zstd" in rates
    rows: list[list[object]] = [
        [NAMES[n], number(statistics.median(rates[n])), f"{sizes[n] / 1e6:.2f}", number(times(n)) if ours else ""]
        for n in names
    ]
    asked: list[list[object]] = []
    for text, theirs, least in GOALS:
        if ours and all(name in rates for name in theirs):
            best = max(theirs, key=lambda name: statistics.median(rates[name]))
            asked.append([text, NAMES[best], number(times(best)), "yes" if times(best) >= least else "**no**"])
    text = (
        f"Machine: {machine()}. Up to {args.volumes} volumes of 160×224×160 uint8 from memory, shards of 8, "
        f"{args.rounds} rounds of about {args.seconds:g} s in which the writers take turns, median. voxpress packs in "
        "one thread a core and writes in one more, flushes every file to the disk (fsync), hashes every volume and "
        "file (sha256), finds the box of what is not zero, and writes table and manifest; the others do none of it. "
        "zstd is level 1.\n\n"
        + table(["format", "volumes/s", "MB a volume", "voxpress zstd ÷ it"], rows)
        + "\n\n"
        + table(["asked", "of", "times as fast", "reached"], asked)
    )
    print(text)
    if args.write:
        write_section(PERFORMANCE, "loaders-writing", text)


if __name__ == "__main__":
    main()
